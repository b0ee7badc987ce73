"""The import itself: first the whole archive is read and checked, then its courses are written one by one."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from app.catalog.importing.account import instructor_of_import
from app.catalog.importing.archive import ArchiveLimits
from app.catalog.importing.curriculum.reading import TreeReader
from app.catalog.importing.curriculum.spool import Spool
from app.catalog.importing.curriculum.unused import Unused
from app.catalog.importing.curriculum.writing import TreeTally, TreeWriter
from app.catalog.importing.errors import RowRefused
from app.catalog.importing.reading import in_thread
from app.catalog.importing.refusals import Refusals
from app.catalog.importing.run import checked_source
from app.catalog.models import CourseStatus
from app.database import Database

DEFAULT_SOURCE = "curriculum"


@dataclass(frozen=True, slots=True)
class CurriculumOptions:
    source: str = DEFAULT_SOURCE
    """Within it a track's name is unique: two curricula need two names."""
    status: CourseStatus = CourseStatus.PUBLISHED
    """Of new courses; those that are there keep theirs."""
    instructor: str | None = None
    """E-mail of the account that new courses belong to; default: the import account."""
    limits: ArchiveLimits = field(default_factory=ArchiveLimits)


@dataclass(slots=True)
class CurriculumResult:
    """Also what is known so far, while the import runs."""

    refusals: Refusals
    unused: Unused = field(default_factory=Unused)
    tally: TreeTally = field(default_factory=TreeTally)
    courses_done: int = 0
    courses_total: int | None = None
    """None until the archive is read."""
    seconds: float = 0.0


async def import_curriculum(
    database: Database,
    path: Path,
    options: CurriculumOptions,
    result: CurriculumResult,
    *,
    on_course: Callable[[], None] = lambda: None,
) -> None:
    """Imports the archive, and keeps `result` up to date after every course, which is then committed.

    Raises ImportRefused before anything is written; Unavailable when the database goes away meanwhile.
    """
    began = time.perf_counter()
    source = checked_source(options.source)
    with closing(Spool()) as spool:
        await in_thread(spool.fill, path, options.limits, result.refusals, result.unused)
        tracks = spool.tracks()
        result.courses_total = len(tracks)
        on_course()
        instructor_id = await instructor_of_import(database, options.instructor)
        writer = TreeWriter(source=source, status=options.status, instructor_id=instructor_id)
        reader = TreeReader(result.refusals, result.unused)
        for track in tracks:
            tree = await in_thread(reader.tree, track, spool.blocks(track))
            if tree is not None:
                try:
                    async with database.transaction() as tx:
                        written = await writer.write(tx, tree)
                except RowRefused as refused:
                    result.refusals.add(track, str(refused))
                else:
                    result.tally.add(written)
            result.courses_done += 1
            result.seconds = time.perf_counter() - began
            on_course()
