"""`lectern import curriculum`: whole course trees from an archive."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.progress import MofNCompleteColumn

from app.catalog.importing import Refusals
from app.catalog.importing.curriculum import (
    DEFAULT_SOURCE,
    CurriculumOptions,
    CurriculumResult,
    import_curriculum,
)
from app.catalog.importing.writing import Tally
from app.cli.import_background import Background, Owner, ask_for_import, refuse_owner
from app.cli.import_running import (
    checked_status,
    end,
    import_refusals,
    print_refused,
    progress_bar,
    refused_as_json,
    report_file,
    run_import,
)
from app.cli.refusal import refusals
from app.database import Database
from app.jobs import OperationKind


def curriculum(  # noqa: PLR0917 - a command's options, given by name
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A tar archive, plain or gzip.")],
    source: Annotated[
        str, typer.Option(help="Name of the curriculum; tracks are unique within it.")
    ] = DEFAULT_SOURCE,
    instructor: Annotated[
        str | None,
        typer.Option(metavar="EMAIL", help="Whose the new courses are; default: an import account."),
    ] = None,
    status: Annotated[str, typer.Option(metavar="published|draft", help="Of new courses.")] = "published",
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write everything refused there, as CSV.")
    ] = None,
    background: Background = False,
    owner: Owner = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Import course trees; run again, it changes only what has changed in the archive.

    The archive holds JSON files named challenges/NN-TRACK/BLOCK.json, in any folder: {name, order, time, challenges:
    [{id, title, description, videoUrl}]}. A track becomes a course, a block a module, a challenge a lesson: a page with
    the description's HTML, sanitised. A video's length is not told, so its address becomes a link at the page's head,
    or a link lesson where there is no description. Without either, the page shows the lesson's title.

    A course that has not changed in the archive since its last import is left alone, so edits made here stay; one that
    has changed is overwritten. Modules and lessons that are here alone stay, behind the archive's. --status and
    --instructor count for new courses only.

    The archive is read and checked before anything is written, and nothing of it is unpacked to the disk; one with
    links, devices, names that lead outside or sizes of a bomb is refused as a whole. Then every course is committed: an
    import that was stopped is finished by running it again.

    Exit codes: 0 everything is in, 2 something was refused (the rest is in), 1 nothing could be done, or the database
    went away half-way. What an archive holds and Lectern has no place for is counted, and refuses nothing.
    """
    with refusals():
        named = {"source": source, "status": checked_status(status), "instructor": instructor}
        if background:
            with import_refusals():
                kind = OperationKind.IMPORT_CURRICULUM
                ask_for_import(kind, file, named, report=report, owner=owner, as_json=as_json)
                return
        refuse_owner(owner)
        with import_refusals(), report_file(report, file) as opened_report:
            options = CurriculumOptions(source=source, status=checked_status(status), instructor=instructor)
            result = CurriculumResult(Refusals(opened_report, place_name="place"))
            progress = progress_bar(MofNCompleteColumn(), shown=not as_json)

            async def work(database: Database) -> None:
                task = progress.add_task(file.name, total=None)

                def show() -> None:
                    progress.update(task, completed=result.courses_done, total=result.courses_total)

                await import_curriculum(database, file, options, result, on_course=show)

            run_import(work, progress, lambda: _summary(result))
    if as_json:
        typer.echo(orjson.dumps(_as_json(result)))
    else:
        _print(result, report)
    end(result.refusals)


def _as_json(result: CurriculumResult) -> dict[str, object]:
    return {
        **asdict(result.tally),
        **refused_as_json(result.refusals),
        "unused": [{"what": what, "count": count} for what, count in result.unused.most()],
        "seconds": round(result.seconds, 3),
    }


def _print(result: CurriculumResult, report: Path | None) -> None:
    typer.echo(f"{_summary(result)} in {result.seconds:.1f} s.")
    print_refused(result.refusals, report)
    for what, count in result.unused.most():
        typer.echo(f"  not used: {what}: {count:,}")


def _summary(result: CurriculumResult) -> str:
    tally = result.tally
    counts = (
        _counted("courses", tally.courses),
        _counted("modules", tally.modules),
        _counted("lessons", tally.lessons),
    )
    return f"{'; '.join(counts)}; {result.refusals.count:,} refused"


def _counted(noun: str, tally: Tally) -> str:
    return f"{noun}: {tally.created:,} created, {tally.updated:,} updated, {tally.unchanged:,} unchanged"
