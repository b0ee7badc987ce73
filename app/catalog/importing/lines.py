"""A file's lines as text, one at a time: plain or gzip, of any encoding, none longer than memory allows."""

import codecs
import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from app.catalog.importing.errors import ImportRefused

LINE_LIMIT = 131_072
"""Characters. Also what bounds a gzip bomb: it unpacks into pieces of this size."""
UNDECODABLE = "\udcff"
"""Stands for bytes that the encoding does not know; no valid text contains it."""
TOO_LONG = "\udcfe"
"""Stands for a whole line over the limit."""
DAMAGED = "\udcfd"
"""Stands for the rest of a file that cannot be unpacked; always the last line."""
_GZIP_MAGIC = b"\x1f\x8b"


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return UNDECODABLE, error.end


codecs.register_error("lectern-mark", _mark)


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


class Lines:
    """Iterates over (text with its line end). A context manager. Raises ImportRefused when it cannot be opened."""

    def __init__(self, path: Path, encoding: str) -> None:
        # Spreadsheets put a byte order mark before UTF-8; it is no part of the first column's name.
        name = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise ImportRefused(f"{path} cannot be read: {error.strerror}.") from None
        try:
            self._raw = _CountingReader(cast("BinaryIO", self._file))
            buffered = io.BufferedReader(self._raw, 1 << 17)
            packed = buffered.peek(2)[:2] == _GZIP_MAGIC
            stream = cast("BinaryIO", gzip.GzipFile(fileobj=buffered)) if packed else buffered
            self._text = io.TextIOWrapper(stream, name, "lectern-mark", newline="")
        except OSError as error:
            self._file.close()
            raise ImportRefused(f"{path} cannot be read: {error.strerror}.") from None
        except LookupError:
            self._file.close()
            raise ImportRefused(f"There is no text encoding named {encoding}.") from None

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

    def __iter__(self) -> Iterator[str]:
        try:
            while line := self._text.readline(LINE_LIMIT):
                if len(line) < LINE_LIMIT or line.endswith(("\n", "\r")):
                    yield line
                else:
                    self._skip()
                    yield TOO_LONG
        except (EOFError, zlib.error, OSError, UnicodeError):
            yield DAMAGED

    def _skip(self) -> None:
        while piece := self._text.readline(LINE_LIMIT):
            if piece.endswith(("\n", "\r")):
                return
