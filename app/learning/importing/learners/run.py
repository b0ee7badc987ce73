"""The import itself: first all files are read and checked, then course by course and chunk by chunk is written."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from app.catalog.importing.account import instructor_of_import
from app.catalog.importing.curriculum.writing import TreeTally, TreeWriter
from app.catalog.importing.errors import RowRefused
from app.catalog.importing.reading import in_thread
from app.catalog.importing.refusals import Refusals
from app.catalog.models import CourseStatus
from app.database import Database
from app.learning.importing.learners.presentations import DEFAULT_STARTS, Presentation
from app.learning.importing.learners.reading import FolderReader, count_oddities
from app.learning.importing.learners.rows import Learner
from app.learning.importing.learners.spool import Spool
from app.learning.importing.learners.writing import (
    SOURCE,
    ChunkDone,
    write_course,
    write_learners,
)
from app.partitions import make_partitions_of

CHUNK = 2_000
"""Learners of a transaction: some hundred milliseconds."""


@dataclass(frozen=True, slots=True)
class LearnersOptions:
    starts: dict[str, str] = field(default_factory=lambda: dict(DEFAULT_STARTS))
    """Term -> the day on which its presentations began, such as 2013-10-01."""
    only: Sequence[str] = ()
    """Codes such as AAA-2013J; empty: all."""
    status: CourseStatus = CourseStatus.PUBLISHED
    """Of new courses; those that are there keep theirs."""
    instructor: str | None = None
    """E-mail of the account that new courses belong to; default: the import account."""
    chunk_size: int = CHUNK


@dataclass(slots=True)
class LearnersResult:
    """Also what is known so far, while the import runs."""

    refusals: Refusals
    outlines: TreeTally = field(default_factory=TreeTally)
    done: ChunkDone = field(default_factory=ChunkDone)
    oddities: Counter[str] = field(default_factory=Counter)
    """Of enrolments that are in, by kind."""
    unread: list[str] = field(default_factory=list)
    """Files of the folder that were not read."""
    learners_done: int = 0
    learners_total: int | None = None
    """None until the files are read."""
    seconds: float = 0.0

    def odd(self) -> list[tuple[str, int]]:
        """The most frequent first, then by name."""
        return sorted(self.oddities.items(), key=lambda item: (-item[1], item[0]))


async def import_learners(
    database: Database,
    folder: Path,
    options: LearnersOptions,
    result: LearnersResult,
    *,
    on_chunk: Callable[[], None] = lambda: None,
) -> None:
    """Imports the folder, and keeps `result` up to date after every chunk, which is then committed.

    Raises ImportRefused before anything is written; Unavailable when the database goes away meanwhile.
    """
    began = time.perf_counter()

    def step() -> None:
        result.seconds = time.perf_counter() - began
        on_chunk()

    with closing(Spool()) as spool:
        reader = FolderReader(options.starts, options.only, result.refusals, spool)
        presentations = await in_thread(reader.read, folder)
        result.unread = reader.unread
        result.learners_total = sum(spool.count(presentation.code) for presentation in presentations)
        step()
        instructor_id = await instructor_of_import(database, options.instructor)
        writer = TreeWriter(source=SOURCE, status=options.status, instructor_id=instructor_id)
        months: set[date] = set()
        for presentation in presentations:
            course_id = await _course(database, writer, presentation, spool, result)
            if course_id is not None:
                await _make_months(database, presentation, spool, months)
            after = 0
            while course_id is not None and (
                chunk := await in_thread(spool.chunk, presentation.code, after, options.chunk_size)
            ):
                after = chunk[-1].student
                async with database.transaction() as tx:
                    done = await write_learners(tx, course_id, presentation, chunk)
                _add(result, chunk, presentation, done)
                step()
    step()


async def _course(
    database: Database, writer: TreeWriter, presentation: Presentation, spool: Spool, result: LearnersResult
) -> int | None:
    """Its id; None when it was refused, and all its learners with it."""
    activities = await in_thread(spool.activities, presentation.code)
    try:
        async with database.transaction() as tx:
            course_id, tally = await write_course(tx, writer, presentation, activities)
    except RowRefused as refused:
        left_out = spool.count(presentation.code)
        result.refusals.add(presentation.code, f"{refused} Its {left_out:,} learners stay out.")
        result.learners_done += left_out
        return None
    result.outlines.add(tally)
    return course_id


async def _make_months(database: Database, presentation: Presentation, spool: Spool, made: set[date]) -> None:
    """The partitions of what has happened to its learners: there is no default partition that would take it."""
    days = await in_thread(spool.days, presentation.code)
    if needed := presentation.months(*days) - made:
        await make_partitions_of(database, "enrollment_events", sorted(needed))
        made |= needed


def _add(result: LearnersResult, chunk: list[Learner], presentation: Presentation, done: ChunkDone) -> None:
    refused = {place for place, _ in done.refused}
    for learner in chunk:
        if learner.place not in refused:
            count_oddities(learner, presentation, result.oddities)
    for place, reason in done.refused:
        result.refusals.add(place, reason)
    sums = result.done
    sums.accounts += done.accounts
    sums.enrolled += done.enrolled
    sums.unchanged += done.unchanged
    sums.events += done.events
    result.learners_done += len(chunk)
