"""The import itself: a thread reads and checks a chunk, then PostgreSQL does it; one after the other, in constant memory."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, fields
from pathlib import Path

from app.catalog.importing.errors import RowRefused
from app.catalog.importing.lines import Lines
from app.catalog.importing.reading import Rows, chunked, rows_and_header
from app.catalog.importing.refusals import Refusals
from app.catalog.importing.seen_keys import SeenKeys
from app.database import Database
from app.learning.importing.roster.rows import RosterReader, RosterRow
from app.learning.importing.roster.writing import ChunkDone, Registrar

# An enrolment takes some milliseconds, under a lock of its course that others may not wait for longer than a second.
CHUNK = 50


@dataclass(frozen=True, slots=True)
class RosterOptions:
    columns: dict[str, str] = field(default_factory=dict)
    """Target -> column; empty: every column means what it is called."""
    delimiter: str = ","
    encoding: str = "utf-8"
    dry_run: bool = False
    """Everything is tried, and nothing stays."""
    mail: bool = True
    """Whether those who are invited get a mail."""
    chunk_size: int = CHUNK
    """Rows a transaction carries out."""


@dataclass(slots=True)
class RosterResult:
    """Also what is known so far, while the import runs."""

    refusals: Refusals
    done: ChunkDone = field(default_factory=ChunkDone)
    bytes_read: int = 0
    bytes_total: int | None = None
    seconds: float = 0.0


class _OnlyTried(Exception):
    """Rolls a chunk back."""

    def __init__(self, done: ChunkDone) -> None:
        super().__init__()
        self.done = done


async def import_roster(
    database: Database,
    registrar: Registrar,
    path: Path,
    options: RosterOptions,
    result: RosterResult,
    *,
    on_chunk: Callable[[], None] = lambda: None,
) -> None:
    """Carries the file out, and keeps `result` up to date after every chunk, which is then committed.

    Raises ImportRefused before anything is written; Unavailable when the database goes away meanwhile.
    """
    began = time.perf_counter()
    with ExitStack() as stack:
        lines = stack.enter_context(closing(Lines(path, options.encoding)))
        seen = stack.enter_context(closing(SeenKeys()))
        rows, header = await asyncio.to_thread(
            rows_and_header, lines, delimiter=options.delimiter, encoding=options.encoding
        )
        reader = RosterReader(header, options.columns)
        result.bytes_total = lines.bytes_total
        chunks = chunked(_checked(rows, reader, seen, result.refusals), options.chunk_size)
        while chunk := await asyncio.to_thread(next, chunks, None):
            done = await _carried_out(database, registrar, chunk, options)
            for refusal in done.refused:
                result.refusals.add(*refusal)
            for count in fields(ChunkDone):
                if count.name != "refused":
                    setattr(
                        result.done, count.name, getattr(result.done, count.name) + getattr(done, count.name)
                    )
            result.bytes_read = lines.bytes_read
            result.seconds = time.perf_counter() - began
            on_chunk()
    result.bytes_read = lines.bytes_read
    result.seconds = time.perf_counter() - began
    on_chunk()


async def _carried_out(
    database: Database, registrar: Registrar, chunk: list[RosterRow], options: RosterOptions
) -> ChunkDone:
    try:
        async with database.transaction() as tx:
            done = await registrar.carry_out(tx, chunk, mail=options.mail)
            _keep(done, options)
    except _OnlyTried as tried:
        return tried.done
    return done


def _keep(done: ChunkDone, options: RosterOptions) -> None:
    if options.dry_run:
        raise _OnlyTried(done)


def _checked(rows: Rows, reader: RosterReader, seen: SeenKeys, refusals: Refusals) -> Iterator[RosterRow]:
    for line, columns in rows:
        if isinstance(columns, RowRefused):
            refusals.add(line, str(columns))
            continue
        try:
            row = reader.row(line, columns)
        except RowRefused as refused:
            refusals.add(line, str(refused))
            continue
        # Of the good rows with one address and course the first counts, in every run.
        if (first := seen.first_line(f"{row.key}\n{row.slug}", line)) == line:
            yield row
        else:
            refusals.add(line, f"The address and the course are those of line {first}.")
