"""Signed links: who has one may read, or write, that one file until it expires."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal, Protocol

MARGIN: Final = 300
"""Seconds before its end at which a link is given out no more: whoever gets one has time to use it."""
LONGEST: Final = 7 * 86_400  # what S3 allows
_SHORTEST: Final = 60
_KEPT: Final = 10_000  # links, half a kilobyte each
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}/[a-z0-9][a-z0-9.+-]{0,63}")

Method = Literal["GET", "PUT"]


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    expires_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    """What an upload must send besides its body: the link is for exactly that."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a link is to be good for."""

    method: Method
    key: str
    content_type: str
    download_name: str | None = None
    size: int | None = None
    """Bytes of an upload: S3 takes exactly that many, a folder at most."""

    def __post_init__(self) -> None:
        if not _MEDIA_TYPE.fullmatch(self.content_type):
            raise ValueError(f"{self.content_type[:80]!r} is no media type.")
        if (self.method == "PUT") is not (self.size is not None and self.size >= 0):
            raise ValueError("An upload has a size, and nothing else has.")


class Signer(Protocol):
    def sign(self, wish: Wish, *, signed_at: int, lifetime: int) -> Link:
        """A link that is good from `signed_at` (seconds since 1970) on, for `lifetime` seconds."""


class Links:
    """Makes links. Within a window of time the same wish gets the same one, from every process: browsers' caches hold."""

    def __init__(self, signer: Signer, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._signer = signer
        self._kept = lru_cache(_KEPT)(self._sign)

    def make(self, wish: Wish, lifetime: int) -> Link:
        """A link that works for `lifetime` seconds at most, and for five minutes (or half of it) at least.

        Raises ValueError for a lifetime below a minute or above a week.
        """
        if not _SHORTEST <= lifetime <= LONGEST:
            raise ValueError(f"A link lives from {_SHORTEST} to {LONGEST} seconds.")
        now = int(self._now())
        if wish.method == "PUT":
            return self._sign(wish, now, lifetime)
        window = lifetime - min(MARGIN, lifetime // 2)
        return self._kept(wish, now // window * window, lifetime)

    def _sign(self, wish: Wish, signed_at: int, lifetime: int) -> Link:
        return self._signer.sign(wish, signed_at=signed_at, lifetime=lifetime)


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
