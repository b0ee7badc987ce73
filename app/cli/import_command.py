"""`lectern import catalog`: courses from a CSV file."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.progress import DownloadColumn

from app.catalog.importing import (
    DEFAULT_SOURCE,
    ImportOptions,
    ImportResult,
    Refusals,
    import_catalog,
    parse_columns,
)
from app.cli.import_background import Background, Owner, ask_for_import, refuse_owner
from app.cli.import_curriculum import curriculum
from app.cli.import_learners import learners
from app.cli.import_roster import roster
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

app = typer.Typer(no_args_is_help=True)
app.command()(curriculum)
app.command()(learners)
app.command()(roster)


@app.callback()
def import_() -> None:
    """Bring real data in from files."""


@app.command()
def catalog(  # noqa: PLR0917 - a command's options, given by name
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header, plain or gzip.")],
    columns: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TARGET=COLUMN,...",
            help="What the columns mean. Targets: title, description, category, level, language, skills, rating_sum, "
            "rating_count, url, key. Default: every column means what it is called.",
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column that identifies a row across runs.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="Name of the catalogue; keys are unique within it.")
    ] = DEFAULT_SOURCE,
    instructor: Annotated[
        str | None,
        typer.Option(metavar="EMAIL", help="Whose the new courses are; default: an import account."),
    ] = None,
    status: Annotated[str, typer.Option(metavar="published|draft", help="Of new courses.")] = "published",
    delimiter: Annotated[str, typer.Option(help="Between columns; `tab` for a tab.")] = ",",
    encoding: Annotated[str, typer.Option(help="Of the file's text.")] = "utf-8",
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all refused rows there, as CSV.")
    ] = None,
    background: Background = False,
    owner: Owner = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Import courses; run again, it changes only what has changed in the file.

    A row becomes a course with one lesson: its description (Markdown) as a page, else its address as a link. The
    address is the column mapped to url, or the key where that is a web address. Skills are separated by ; or by a
    comma. A level other than beginner, intermediate, advanced and a language that is no tag such as en or pt-BR are
    kept under the column's name in the course's attributes, as are all columns that are not mapped.

    A course whose row has not changed since its last import is left alone, so edits made here stay; a row that has
    changed overwrites everything the file has columns for. --status and --instructor count for new courses only.

    Every 1,000 rows are committed: an import that was stopped is finished by running it again.

    Exit codes: 0 all rows are in, 2 some were refused (the others are in), 1 nothing could be done, or the database
    went away half-way.
    """
    with refusals():
        with import_refusals():
            options = ImportOptions(
                columns=parse_columns(columns or []),
                key=key,
                source=source,
                status=checked_status(status),
                instructor=instructor,
                delimiter="\t" if delimiter.lower() in {"tab", "\\t"} else delimiter,
                encoding=encoding,
            )
            if background:
                kind = OperationKind.IMPORT_CATALOG
                ask_for_import(kind, file, asdict(options), report=report, owner=owner, as_json=as_json)
                return
        refuse_owner(owner)
        with import_refusals(), report_file(report, file) as opened_report:
            result = ImportResult(Refusals(opened_report))
            # By bytes, since nobody knows a file's rows before its end.
            progress = progress_bar(DownloadColumn(), shown=not as_json)

            async def work(database: Database) -> None:
                task = progress.add_task(file.name, total=None)

                def show() -> None:
                    progress.update(task, completed=result.bytes_read, total=result.bytes_total)

                await import_catalog(database, file, options, result, on_chunk=show)

            run_import(work, progress, lambda: _summary(result))
    if as_json:
        counts = {**asdict(result.tally), **refused_as_json(result.refusals)}
        typer.echo(orjson.dumps({**counts, "seconds": round(result.seconds, 3)}))
    else:
        typer.echo(f"{_summary(result)} in {result.seconds:.1f} s.")
        print_refused(result.refusals, report)
    end(result.refusals)


def _summary(result: ImportResult) -> str:
    tally = result.tally
    return (
        f"{tally.created:,} created, {tally.updated:,} updated, {tally.unchanged:,} unchanged, "
        f"{result.refusals.count:,} refused"
    )
