"""Ids that sort by time and are the same for the same cause: what is written twice is written once."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

_TIME_BITS = 48
_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62
_HASHED = ((1 << 76) - 1) & ~(0xF << 76) & ~(0x3 << 62)


def timed_id(moment: datetime, name: str) -> UUID:
    """A UUIDv7 of the moment (to the millisecond; it must know its time zone) and a hash of the name of what happened.

    Raises ValueError for a moment before 1970, which no such id can hold.
    """
    milliseconds = int(moment.timestamp() * 1000)
    if moment.tzinfo is None or not 0 <= milliseconds < 1 << _TIME_BITS:
        raise ValueError(f"no id can hold {moment}")
    hashed = int.from_bytes(sha256(name.encode()).digest()[:10], "big") & _HASHED
    return UUID(int=milliseconds << 80 | _VERSION | _VARIANT | hashed)
