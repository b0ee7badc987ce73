"""Links to all files below a prefix. A stream's manifest names its segments by relative addresses, so the signature stands
in the path, where they inherit it.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

import orjson

from app.storage import keys
from app.storage.links import LONGEST, MARGIN, moment
from app.storage.served_links import LinkExpired, LinkRefused

PATH: Final = "/media/"
_KEPT: Final = 10_000  # links, a third of a kilobyte each
# until.depth.audience.signature: how long, how many segments of the path are signed, for whom.
_TOKEN: Final = re.compile(r"([1-9][0-9]{0,14})\.([1-9][0-9]?)\.([a-z]{1,20})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class MediaLink:
    base: str
    """Address of the prefix; a file's is this, a slash, and its key below the prefix."""
    expires_at: datetime


class MediaLinks:
    """`secrets`: the same in all processes; the first makes, all are known. `base_url`: where the API is reached."""

    def __init__(self, secrets: Sequence[bytes], base_url: str) -> None:
        self._secrets = secrets
        self._address = base_url.rstrip("/") + PATH
        self._kept = lru_cache(_KEPT)(self._signed)

    def make(self, prefix: str, audience: str, lifetime: int, *, now: float) -> MediaLink:
        """For everybody of the audience the same, from every process, until five minutes before it ends.

        Raises ValueError for a prefix that names no folder, and a lifetime of ten minutes or less, or over a week.
        """
        if not 2 * MARGIN < lifetime <= LONGEST:
            raise ValueError(f"A link to media lives from {2 * MARGIN} to {LONGEST} seconds.")
        window = lifetime - MARGIN
        return self._kept(keys.checked(prefix), audience, int(now) // window * window + lifetime)

    def verify(self, token: str, key: str, *, now: float) -> int:
        """Until when (seconds since 1970) the token grants the file. Raises LinkRefused for all that is no link of ours,
        LinkExpired for one that has ended.
        """
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise LinkRefused
        until, depth, presented = int(parts[1]), int(parts[2]), parts[4].encode()
        try:
            segments = keys.checked(key).split("/")
        except ValueError:
            raise LinkRefused from None
        # The prefix is a folder: something stands below it.
        prefix = "/".join(segments[:depth])
        signed = len(segments) > depth and any(
            hmac.compare_digest(presented, _signature(secret, prefix, parts[3], until).encode())
            for secret in self._secrets
        )
        if not signed:
            raise LinkRefused
        if until <= now:
            raise LinkExpired
        return until

    def _signed(self, prefix: str, audience: str, until: int) -> MediaLink:
        signature = _signature(self._secrets[0], prefix, audience, until)
        token = f"{until}.{prefix.count('/') + 1}.{audience}.{signature}"
        if not _TOKEN.fullmatch(token):
            raise ValueError(f"{audience[:80]!r} cannot name an audience.")
        return MediaLink(f"{self._address}{token}/{prefix}", moment(until))


def _signature(secret: bytes, prefix: str, audience: str, until: int) -> str:
    # The first word keeps it apart from links to one file, which are signed with the same secrets.
    text = orjson.dumps(["MEDIA", prefix, audience, until])
    return base64.urlsafe_b64encode(hmac.digest(secret, text, hashlib.sha256)).rstrip(b"=").decode()
