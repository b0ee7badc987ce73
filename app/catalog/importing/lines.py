"""A file's lines as text, one at a time: plain or gzip, of any encoding, none longer than memory allows."""

import codecs
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from app.catalog.importing.errors import ImportRefused
from app.catalog.importing.packed import PackedFile

LINE_LIMIT = 131_072
"""Characters. Also what bounds a gzip bomb: it unpacks into pieces of this size."""
UNDECODABLE = "\udcff"
"""Stands for bytes that the encoding does not know; no valid text contains it."""
TOO_LONG = "\udcfe"
"""Stands for a whole line over the limit."""
DAMAGED = "\udcfd"
"""Stands for the rest of a file that cannot be unpacked; always the last line."""


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return UNDECODABLE, error.end


codecs.register_error("lectern-mark", _mark)


class Lines:
    """Iterates over (text with its line end). A context manager. Raises ImportRefused when it cannot be opened."""

    def __init__(self, path: Path, encoding: str) -> None:
        # Spreadsheets put a byte order mark before UTF-8; it is no part of the first column's name.
        name = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
        self._packed = PackedFile(path)
        try:
            self._text = io.TextIOWrapper(self._packed.stream, name, "lectern-mark", newline="")
        except LookupError:
            self._packed.close()
            raise ImportRefused(f"There is no text encoding named {encoding}.") from None

    @property
    def bytes_read(self) -> int:
        """Of the file as it lies on the disk."""
        return self._packed.bytes_read

    @property
    def bytes_total(self) -> int | None:
        """None for a pipe, which does not know."""
        return self._packed.bytes_total

    def close(self) -> None:
        self._packed.close()

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
