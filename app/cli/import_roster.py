"""`lectern import roster`: who learns, or teaches, which course."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.progress import DownloadColumn

from app.catalog.importing import Refusals, parse_columns
from app.cli.connection import connected_settings
from app.cli.import_running import (
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
from app.learning.importing.roster import TARGETS, Registrar, RosterOptions, RosterResult, import_roster
from app.learning.importing.roster.writing import ChunkDone
from app.notifications.service import Notifier
from app.outbox import Handover, Outbox
from app.pubsub import PubSub
from app.telemetry import Metrics

_COUNTS = [field.name for field in fields(ChunkDone) if field.name != "refused"]


def roster(  # noqa: PLR0917 - a command's options, given by name
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header, plain or gzip.")],
    columns: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TARGET=COLUMN,...",
            help="What the columns mean. Targets: email, course (its slug), role (learner or instructor), cohort, name. "
            "Default: every column means what it is called.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Try everything, say what would be done, and do nothing.")
    ] = False,
    no_mail: Annotated[bool, typer.Option("--no-mail", help="Invite without a mail.")] = False,
    delimiter: Annotated[str, typer.Option(help="Between columns; `tab` for a tab.")] = ",",
    encoding: Annotated[str, typer.Option(help="Of the file's text.")] = "utf-8",
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all refused rows there, as CSV.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Bring learners and instructors into courses; run again, it changes only what is not as the file says.

    An address that an account has proved is enrolled, or waits in the course's line, as if it had been invited; any other
    is invited in the name of the course's lead, for 30 days, with a mail. A cohort that the course does not have is made. A
    name is for the invitation alone. An instructor needs an account that may teach.

    Who has withdrawn is not enrolled again, and who is not in the file stays where they are. The course's dates and
    prerequisites count for rosters too.

    Every 50 rows are committed: an import that was stopped is finished by running it again.

    Exit codes: 0 all rows are done, 2 some were refused (the others are done), 1 nothing could be done, or the database
    went away half-way.
    """
    with refusals(), import_refusals(), report_file(report, file) as opened_report:
        options = RosterOptions(
            columns=parse_columns(columns or [], TARGETS, "a roster has"),
            delimiter="\t" if delimiter.lower() in {"tab", "\\t"} else delimiter,
            encoding=encoding,
            dry_run=dry_run,
            mail=not no_mail,
        )
        result = RosterResult(Refusals(opened_report))
        # By bytes, since nobody knows a file's rows before its end.
        progress = progress_bar(DownloadColumn(), shown=not as_json)

        async def work(database: Database) -> None:
            task = progress.add_task(file.name, total=None)

            def show() -> None:
                progress.update(task, completed=result.bytes_read, total=result.bytes_total)

            settings, metrics = connected_settings(), Metrics()
            handover = Handover(settings.redis, metrics)
            pubsub = PubSub(settings.redis, settings.pubsub, metrics)
            try:
                registrar = Registrar(Notifier(Outbox(handover, metrics), pubsub, metrics))
                await import_roster(database, registrar, file, options, result, on_chunk=show)
            finally:
                await pubsub.close()
                await handover.close()

        run_import(work, progress, lambda: _summary(result))
    if as_json:
        counts = {name: getattr(result.done, name) for name in _COUNTS}
        answer = {**counts, **refused_as_json(result.refusals), "dryRun": dry_run}
        typer.echo(orjson.dumps({**answer, "seconds": round(result.seconds, 3)}))
    else:
        tried = "Only tried, nothing was done: " if dry_run else ""
        typer.echo(f"{tried}{_summary(result)} in {result.seconds:.1f} s.")
        print_refused(result.refusals, report)
    end(result.refusals)


def _summary(result: RosterResult) -> str:
    counts = ", ".join(f"{getattr(result.done, name):,} {_WORDS[name]}" for name in _COUNTS)
    return f"{counts}, {result.refusals.count:,} refused"


_WORDS = {
    "enrolled": "enrolled",
    "waitlisted": "waitlisted",
    "invited": "invited",
    "joined": "put into their cohort",
    "teaching": "made instructors",
    "unchanged": "unchanged",
}
