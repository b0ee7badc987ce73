"""The files of a folder: found by name, plain or gzip, read as rows of named columns."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from app.catalog.importing.archive import shown
from app.catalog.importing.errors import ImportRefused, RowRefused
from app.catalog.importing.lines import Lines
from app.catalog.importing.reading import rows_and_header
from app.catalog.importing.refusals import Refusals

COLUMNS_LIMIT = 50
UNREAD_LIMIT = 20
"""So many files that were not read are named."""
Row = dict[str, str]


class Tables:
    """A context manager: every file is opened before one is read, so that a missing one is found at once."""

    def __init__(self, folder: Path, names: Sequence[str], refusals: Refusals) -> None:
        """Raises ImportRefused."""
        if not folder.is_dir():
            raise ImportRefused(f"{folder} is no folder.")
        self._refusals = refusals
        self._stack = ExitStack()
        try:
            paths = {name: _path(folder, name) for name in names}
            self._lines = {
                name: self._stack.enter_context(closing(Lines(path, "utf-8"))) for name, path in paths.items()
            }
        except BaseException:
            self._stack.close()
            raise
        read = {path.name for path in paths.values()}
        self.unread = sorted(shown(path.name) for path in folder.iterdir() if path.name not in read)[
            :UNREAD_LIMIT
        ]

    def close(self) -> None:
        self._stack.close()

    def rows(self, name: str, columns: Sequence[str]) -> Iterator[tuple[str, Row]]:
        """(place, values by column) of the rows that can be read; the others are refused. Raises ImportRefused."""
        rows, header = rows_and_header(self._lines[name], delimiter=",", encoding="utf-8")
        names = [column.strip() for column in header]
        missing = [column for column in columns if column not in names]
        if missing:
            raise ImportRefused(f'The file {name} has no column "{missing[0]}".')
        if len(set(names)) < len(names) or len(names) > COLUMNS_LIMIT:
            raise ImportRefused(
                f"The file {name} names a column twice, or has more than {COLUMNS_LIMIT} of them."
            )
        for line, fields in rows:
            place = f"{name}, line {line}"
            if isinstance(fields, RowRefused):
                self._refusals.add(place, str(fields))
            elif len(fields) != len(names):
                self._refusals.add(place, f"The row has {len(fields)} columns, the header {len(names)}.")
            else:
                yield place, {column: text.strip() for column, text in zip(names, fields, strict=True)}


def _path(folder: Path, name: str) -> Path:
    found = [path for path in (folder / f"{name}.csv", folder / f"{name}.csv.gz") if path.is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise ImportRefused(f"There are both {name}.csv and {name}.csv.gz; leave one of them.")
    raise ImportRefused(f"There is no {name}.csv or {name}.csv.gz in {folder}.")
