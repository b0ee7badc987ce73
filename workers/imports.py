"""Imports in the background. The file lies on the worker's machine; nothing of an import is in memory alone for longer
than a chunk, and one that is run again finds what is in already.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

from app.catalog.importing import ImportOptions, ImportRefused, ImportResult, Refusals, import_catalog
from app.catalog.importing.curriculum import CurriculumOptions, CurriculumResult, import_curriculum
from app.catalog.importing.writing import Tally
from app.catalog.models import CourseStatus
from app.database import Database
from app.learning.importing.learners import LearnersOptions, LearnersResult, import_learners
from app.operations.errors import OperationRefused
from app.operations.work import Work
from app.resources import Resources

FIGURES_LEFT = 30
"""Of the 50 that a result may have, beside the import's own."""


async def import_catalog_file(resources: Resources, work: Work, arguments: Mapping[str, Any]) -> None:
    """`arguments`: path, report (a path or None), options as of ImportOptions. Raises OperationRefused."""
    options = ImportOptions(**_options(arguments))
    with _refusals("line", arguments["report"]) as refusals:
        result = ImportResult(refusals)

        def on_chunk() -> None:
            work.report(
                done=result.bytes_read,
                total=result.bytes_total,
                message=_summary(result.tally, refusals),
                figures={**_figures(result.tally), "refused": refusals.count},
            )

        async with _batches(resources) as database:
            await import_catalog(database, _source(arguments), options, result, on_chunk=on_chunk)


async def import_curriculum_file(resources: Resources, work: Work, arguments: Mapping[str, Any]) -> None:
    """`arguments`: path, report (a path or None), options as of CurriculumOptions. Raises OperationRefused."""
    options = CurriculumOptions(**_options(arguments))
    with _refusals("place", arguments["report"]) as refusals:
        result = CurriculumResult(refusals)

        def on_course() -> None:
            tally = result.tally
            figures = _figures(tally.courses, "courses")
            figures |= _figures(tally.modules, "modules") | _figures(tally.lessons, "lessons")
            work.report(
                done=result.courses_done,
                total=result.courses_total,
                message=_summary(tally.courses, refusals),
                figures={**figures, "refused": refusals.count},
            )

        async with _batches(resources) as database:
            await import_curriculum(database, _source(arguments), options, result, on_course=on_course)


async def import_learners_folder(resources: Resources, work: Work, arguments: Mapping[str, Any]) -> None:
    """`arguments`: path of a folder, report (a path or None), options as of LearnersOptions. Raises OperationRefused."""
    options = LearnersOptions(**_options(arguments))
    with _refusals("place", arguments["report"]) as refusals:
        result = LearnersResult(refusals)

        def on_chunk() -> None:
            done = result.done
            counts = {"enrolled": done.enrolled, "unchanged": done.unchanged, "refused": refusals.count}
            sentence = f"Enrolments: {done.enrolled:,} written, {done.unchanged:,} unchanged"
            # Kinds of oddities are few, columns without a value as many as a file has: the most frequent fit.
            odd = {f"odd: {what}": count for what, count in result.odd()[:FIGURES_LEFT]}
            made = _figures(result.outlines.courses, "courses") | _figures(result.outlines.lessons, "lessons")
            work.report(
                done=result.learners_done,
                total=result.learners_total,
                message=f"{sentence}{_first_refused(refusals)}",
                figures={**counts, "accountsCreated": done.accounts, "events": done.events, **made, **odd},
            )

        async with _batches(resources) as database:
            await import_learners(database, Path(arguments["path"]), options, result, on_chunk=on_chunk)


def _source(arguments: Mapping[str, Any]) -> Path:
    """The file. A pipe would keep the whole worker waiting for whoever writes into it, after each restart anew."""
    path = Path(arguments["path"])
    if path.exists() and not path.is_file():
        raise OperationRefused(f"{path} is no file.")
    return path


def _options(arguments: Mapping[str, Any]) -> dict[str, Any]:
    options = dict(arguments["options"])
    return {**options, "status": CourseStatus(options["status"])}


@asynccontextmanager
async def _batches(resources: Resources) -> AsyncIterator[Database]:
    """A connection of its own: an import waits for others' chunks for longer than anybody else may wait."""
    database = Database(resources.settings.database.for_batches(), resources.metrics)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@contextmanager
def _refusals(place_name: str, report: str | None) -> Iterator[Refusals]:
    """What is refused, row by row. A file that cannot be used at all ends the operation, with the reason."""
    with _opened(report) as opened:
        try:
            yield Refusals(opened, place_name=place_name)
        except ImportRefused as error:
            raise OperationRefused(str(error)) from None


def _opened(report: str | None) -> AbstractContextManager[TextIO | None]:
    """Opened first: an import must not find out at its end that it cannot say what it refused."""
    if report is None:
        return nullcontext()
    path = Path(report)
    if path.exists() and not path.is_file():
        raise OperationRefused(f"The report {report} cannot be written: it is no file.")
    try:
        return path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise OperationRefused(f"The report {report} cannot be written: {error.strerror}.") from None


def _summary(tally: Tally, refusals: Refusals) -> str:
    counts = f"{tally.created:,} created, {tally.updated:,} updated, {tally.unchanged:,} unchanged"
    return f"Courses: {counts}{_first_refused(refusals)}"


def _first_refused(refusals: Refusals) -> str:
    """The end of a sentence."""
    if not refusals.count:
        return "."
    first = refusals.kept[0]
    return f"; {refusals.count:,} refused, the first: {refusals.place_name} {first.place}: {first.reason}"


def _figures(tally: Tally, noun: str = "") -> dict[str, int]:
    """By name, such as created or coursesCreated."""
    counts = {"created": tally.created, "updated": tally.updated, "unchanged": tally.unchanged}
    return {f"{noun}{name.title()}": count for name, count in counts.items()} if noun else counts
