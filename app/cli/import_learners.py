"""`lectern import learners`: a university's courses, accounts and enrolments from the files of a folder."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.progress import MofNCompleteColumn

from app.catalog.importing import Refusals
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
from app.learning.importing.learners import (
    DEFAULT_STARTS,
    LearnersOptions,
    LearnersResult,
    import_learners,
    parse_only,
    parse_starts,
)

NOT_READ = "not read: {}; assessments and what was submitted come with quizzes, other files have no place"


def learners(  # noqa: PLR0917 - a command's options, given by name
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Holds courses, vle, studentInfo and studentRegistration, each as .csv or .csv.gz.",
        ),
    ],
    start: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TERM=DATE,...",
            help=f"When presentations began. Default: {','.join(f'{term}={day}' for term, day in DEFAULT_STARTS.items())}.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE,...", help="These presentations alone, such as AAA-2013J."),
    ] = None,
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
    """Import learners as the Open University Learning Analytics Dataset has them; run again, it adds what is missing.

    A presentation becomes a course, an activity a lesson, a registration an enrolment of an account that nobody can sign in
    to and nobody writes to: learner-NUMBER@oulad.invalid. Withdrawn is withdrawn, Pass and Distinction are completed on the
    presentation's last day, Fail stays active; the result and all other columns are kept with the enrolment. Days are
    counted from --start, in UTC.

    What is odd is kept and counted; what cannot be taken is refused with its place. An enrolment that is here stays as it
    is, whatever the files say now. Nobody is notified.

    Everything is read and checked before anything is written; then each course and every 2,000 learners are committed: an
    import that was stopped is finished by running it again.

    Exit codes: 0 everything is in, 2 something was refused (the rest is in), 1 nothing could be done, or the database went
    away half-way.
    """
    with refusals():
        with import_refusals():
            options = LearnersOptions(
                starts=parse_starts(start or []),
                only=parse_only(only or []),
                status=checked_status(status),
                instructor=instructor,
            )
            if background:
                kind, asked = OperationKind.IMPORT_LEARNERS, asdict(options)
                ask_for_import(kind, folder, asked, report=report, owner=owner, as_json=as_json, folder=True)
                return
        refuse_owner(owner)
        with import_refusals(), report_file(report, folder) as opened_report:
            result = LearnersResult(Refusals(opened_report, place_name="place"))
            progress = progress_bar(MofNCompleteColumn(), shown=not as_json)

            async def work(database: Database) -> None:
                task = progress.add_task(folder.name, total=None)

                def show() -> None:
                    progress.update(task, completed=result.learners_done, total=result.learners_total)

                await import_learners(database, folder, options, result, on_chunk=show)

            run_import(work, progress, lambda: _summary(result))
    if as_json:
        typer.echo(orjson.dumps(_as_json(result)))
    else:
        _print(result, report)
    end(result.refusals)


def _as_json(result: LearnersResult) -> dict[str, object]:
    done = result.done
    return {
        **asdict(result.outlines),
        "accounts": {"created": done.accounts},
        "enrollments": {"created": done.enrolled, "unchanged": done.unchanged},
        "events": {"created": done.events},
        **refused_as_json(result.refusals),
        "oddities": [{"what": what, "count": count} for what, count in result.odd()],
        "notRead": result.unread,
        "seconds": round(result.seconds, 3),
    }


def _print(result: LearnersResult, report: Path | None) -> None:
    typer.echo(f"{_summary(result)} in {result.seconds:.1f} s.")
    print_refused(result.refusals, report)
    for what, count in result.odd():
        typer.echo(f"  kept: {what}: {count:,}")
    if result.unread:
        typer.echo(f"  {NOT_READ.format(', '.join(result.unread))}")


def _summary(result: LearnersResult) -> str:
    done, outlines = result.done, result.outlines
    return (
        f"courses: {outlines.courses.created:,} created, {outlines.courses.updated:,} updated, "
        f"{outlines.courses.unchanged:,} unchanged; lessons: {outlines.lessons.created:,} created; "
        f"accounts: {done.accounts:,} created; enrolments: {done.enrolled:,} created, {done.unchanged:,} unchanged; "
        f"{result.refusals.count:,} refused"
    )
