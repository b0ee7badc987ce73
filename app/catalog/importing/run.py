"""The import itself: a thread reads and checks the next chunk while PostgreSQL stores the present one."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from app.catalog.importing.account import instructor_of_import
from app.catalog.importing.columns import ColumnPlan
from app.catalog.importing.errors import ImportRefused, RowRefused
from app.catalog.importing.lines import Lines
from app.catalog.importing.reading import Rows, chunked, rows_and_header
from app.catalog.importing.refusals import Refusals
from app.catalog.importing.rows import ImportedCourse, RowReader
from app.catalog.importing.seen_keys import SeenKeys
from app.catalog.importing.writing import ChunkWriter, Tally
from app.catalog.models import CourseStatus
from app.database import Database

DEFAULT_SOURCE = "catalog"
SOURCE_LIMIT = 100


@dataclass(frozen=True, slots=True)
class ImportOptions:
    columns: dict[str, str] = field(default_factory=dict)
    """Target -> column, see `parse_columns`; empty: every column means what it is called."""
    key: str | None = None
    """The column that identifies a row across runs."""
    source: str = DEFAULT_SOURCE
    """Within it a key is unique: two catalogues that number their courses alike need two names."""
    status: CourseStatus = CourseStatus.PUBLISHED
    """Of new courses; those that are there keep theirs."""
    instructor: str | None = None
    """E-mail of the account that new courses belong to; default: the import account."""
    delimiter: str = ","
    encoding: str = "utf-8"
    chunk_size: int = 1000
    """Rows a transaction stores."""


@dataclass(slots=True)
class ImportResult:
    """Also what is known so far, while the import runs."""

    refusals: Refusals
    tally: Tally = field(default_factory=Tally)
    bytes_read: int = 0
    """Of the file as it lies on the disk."""
    bytes_total: int | None = None
    seconds: float = 0.0


async def import_catalog(
    database: Database,
    path: Path,
    options: ImportOptions,
    result: ImportResult,
    *,
    on_chunk: Callable[[], None] = lambda: None,
) -> None:
    """Imports the file, and keeps `result` up to date after every chunk, which is then committed.

    Raises ImportRefused before anything is written; Unavailable when the database goes away meanwhile.
    """
    began = time.perf_counter()
    with ExitStack() as stack:
        lines = stack.enter_context(closing(Lines(path, options.encoding)))
        rows, plan = await asyncio.to_thread(_opened, lines, options)
        result.bytes_total = lines.bytes_total
        seen = stack.enter_context(closing(SeenKeys()))
        writer = ChunkWriter(
            source=checked_source(options.source),
            status=options.status,
            instructor_id=await instructor_of_import(database, options.instructor),
            targets=plan.targets,
        )
        chunks = chunked(_courses(rows, RowReader(plan), seen, result.refusals), options.chunk_size)
        reading = asyncio.create_task(asyncio.to_thread(next, chunks, None))
        try:
            while chunk := await reading:
                reading = asyncio.create_task(asyncio.to_thread(next, chunks, None))
                async with database.transaction() as tx:
                    written = await writer.write(tx, chunk)
                result.tally.created += written.created
                result.tally.updated += written.updated
                result.tally.unchanged += written.unchanged
                result.bytes_read = lines.bytes_read
                result.seconds = time.perf_counter() - began
                on_chunk()
        finally:
            # The thread must be done with the file before it is closed.
            await asyncio.wait([reading])
    result.bytes_read = lines.bytes_read
    result.seconds = time.perf_counter() - began
    on_chunk()


def _opened(lines: Lines, options: ImportOptions) -> tuple[Rows, ColumnPlan]:
    """The rows after the header, and what the header says."""
    rows, header = rows_and_header(lines, delimiter=options.delimiter, encoding=options.encoding)
    return rows, ColumnPlan.of(header, options.columns, options.key)


def _courses(
    rows: Iterable[tuple[int, list[str] | RowRefused]], reader: RowReader, seen: SeenKeys, refusals: Refusals
) -> Iterator[ImportedCourse]:
    for line, fields in rows:
        if isinstance(fields, RowRefused):
            refusals.add(line, str(fields))
            continue
        try:
            course = reader.course(fields)
        except RowRefused as refused:
            refusals.add(line, str(refused))
            continue
        # Of the good rows with one key the first counts, in every run.
        if (first := seen.first_line(course.key, line)) == line:
            yield course
        else:
            refusals.add(line, f"The key is that of line {first}.")


def checked_source(source: str) -> str:
    """A source's name without surrounding space. Raises ImportRefused."""
    source = source.strip()
    if not source or len(source) > SOURCE_LIMIT or not source.isprintable():
        raise ImportRefused(f"A source is a name of at most {SOURCE_LIMIT} characters.")
    return source
