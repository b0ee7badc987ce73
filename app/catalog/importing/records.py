"""CSV records with the line they begin at. A broken record costs its own line, never the good ones after it."""

import csv
from collections import deque
from collections.abc import Iterator

from app.catalog.importing.errors import RowRefused
from app.catalog.importing.lines import DAMAGED, LINE_LIMIT, TOO_LONG

# A quote that never closes takes line after line into its field. No real row is longer than this, in characters.
RECORD_LIMIT = LINE_LIMIT
_REASONS = {
    TOO_LONG: f"The line is longer than {LINE_LIMIT:,} characters.",
    DAMAGED: "The file is damaged or cut off here; nothing after this line could be read.",
}


class Records:
    """Iterates over (line number, fields or RowRefused). Blank lines are left out."""

    def __init__(self, lines: Iterator[str], delimiter: str) -> None:
        self._feed = _Feed(lines)
        # Strict: what follows a closing quote is an error at once, not glued to the field.
        self._reader = csv.reader(self._feed, delimiter=delimiter, strict=True)

    def __iter__(self) -> Iterator[tuple[int, list[str] | RowRefused]]:
        feed = self._feed
        while True:
            feed.begin()
            try:
                fields = next(self._reader)
            except StopIteration:
                return
            except RowRefused as refused:
                yield feed.give_back(), refused
            except csv.Error as error:
                closed = "unexpected end of data" not in str(error)
                reason = f"The quotes are not right ({error})." if closed else "A quote is never closed."
                yield feed.give_back(), RowRefused(reason)
            else:
                if fields:
                    yield feed.first, fields


class _Feed(Iterator[str]):
    """Hands lines to the parser, remembers those of the present record, and can take all but its first one back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self._size = 0
        self._line = 0
        self.first = 1

    def begin(self) -> None:
        self._record.clear()
        self._size = 0
        self.first = self._line + 1

    def give_back(self) -> int:
        """For a broken record: whatever follows its first line is read again. Returns the first line's number."""
        self._again.extendleft(reversed(self._record[1:]))
        self._line = self.first
        return self.first

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._line += 1
        self._record.append(line)
        self._size += len(line)
        if len(line) == 1 and line in _REASONS:
            raise RowRefused(_REASONS[line] if len(self._record) == 1 else "A quote is never closed.")
        if self._size > RECORD_LIMIT:
            raise RowRefused(f"A quote is never closed, or the row is over {RECORD_LIMIT:,} characters.")
        return line
