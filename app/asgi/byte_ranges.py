"""Which bytes of a file a request is for (RFC 9110, section 14)."""

import re
from typing import Final

from app.storage import RangeNotSatisfiable

_ONE_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII | re.IGNORECASE)


def wanted_bytes(header: str | None, size: int) -> tuple[int, int] | None:
    """From where to where (exclusive); None is all of it, also for what is no range or more than one.

    Raises RangeNotSatisfiable.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        length = min(int(match[2]), size)
        if length == 0:
            raise RangeNotSatisfiable
        return size - length, size
    first = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return None  # no range at all
    if first >= size:
        raise RangeNotSatisfiable
    return first, min(last + 1, size)
