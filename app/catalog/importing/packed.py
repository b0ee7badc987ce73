"""A file as its unpacked bytes, plain or gzip, with what a progress bar and a limit want to know of it."""

import gzip
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO, cast

from app.catalog.importing.errors import ImportRefused

_GZIP_MAGIC = b"\x1f\x8b"


class _CountingReader(io.RawIOBase):
    """The file itself, counting what was read of it, which is what a progress bar can know of a packed file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.bytes_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        self.bytes_read += len(piece)
        return len(piece)


class PackedFile:
    """`stream` gives the unpacked bytes. Raises ImportRefused when the file cannot be opened."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise ImportRefused(f"{path} cannot be read: {error.strerror}.") from None
        try:
            self._raw = _CountingReader(cast("BinaryIO", self._file))
            buffered = io.BufferedReader(self._raw, 1 << 17)
            packed = buffered.peek(2)[:2] == _GZIP_MAGIC
            self.stream = cast("BinaryIO", gzip.GzipFile(fileobj=buffered) if packed else buffered)
        except OSError as error:
            self._file.close()
            raise ImportRefused(f"{path} cannot be read: {error.strerror}.") from None

    @property
    def bytes_read(self) -> int:
        """Of the file as it lies on the disk."""
        return self._raw.bytes_read

    @property
    def bytes_total(self) -> int | None:
        """None for a pipe, which does not know."""
        status = os.fstat(self._file.fileno())
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def close(self) -> None:
        self._file.close()
