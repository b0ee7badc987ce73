"""Streams of bytes on their way into the storage and out of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from app.errors import Unavailable
from app.storage.errors import FileTooLarge
from app.storage.keys import media_type

if TYPE_CHECKING:
    from obstore import BytesStream, ObjectMeta

SMALL = 4 * 1024 * 1024
"""Bytes up to which a stream is gathered and written in one call."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    key: str
    size: int  # bytes
    content_type: str
    etag: str  # in quotes, as HTTP has it
    modified: datetime

    @classmethod
    def of(cls, meta: "ObjectMeta") -> Self:
        return cls(
            key=meta["path"],
            size=meta["size"],
            content_type=media_type(meta["path"]),
            etag=meta["e_tag"] or "",
            modified=meta["last_modified"],
        )


class Content:
    """An open file, or a part of one: read it once, piece by piece, or all at once with `read`."""

    def __init__(
        self,
        file: StoredFile,
        span: tuple[int, int],
        stream: "BytesStream",
        *,
        stall_timeout: float,
        count: Callable[[int], None],
    ) -> None:
        self.file = file
        self.start, self.stop = span
        self._stream = stream
        self._stall_timeout = stall_timeout
        self._count = count

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises Unavailable when the storage stops in between."""
        pieces = aiter(self._stream)
        while True:
            try:
                async with asyncio.timeout(self._stall_timeout):
                    piece = await anext(pieces, None)
            except Exception as error:
                raise Unavailable("The file could not be read to its end.") from error
            if piece is None:
                return
            self._count(len(piece))
            yield bytes(piece)

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self])


class Upload:
    """A stream to be stored: its beginning decides how, its length is watched."""

    def __init__(self, pieces: AsyncIterator[bytes], limit: int | None) -> None:
        self._pieces = pieces
        self._limit = limit
        self._head: list[bytes] = []
        self.size = 0
        self.error: BaseException | None = None

    async def small(self) -> bytes | None:
        """All of it when it is small, else None: then read on with `rest`. Raises FileTooLarge."""
        async for piece in self._pieces:
            self._add(piece)
            self._head.append(piece)
            if self.size > SMALL:
                return None
        return b"".join(self._head)

    async def rest(self) -> AsyncIterator[bytes]:
        """What was read already, and the rest."""
        while self._head:
            yield self._head.pop(0)
        try:
            async for piece in self._pieces:
                self._add(piece)
                yield piece
        except BaseException as error:
            self.error = error  # the library may wrap it
            raise

    def _add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self._limit is not None and self.size > self._limit:
            raise FileTooLarge(self._limit)
