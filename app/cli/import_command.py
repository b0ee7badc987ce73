"""`lectern import`: real catalogues from files."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TextIO

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from app.catalog.importing import (
    DEFAULT_SOURCE,
    ImportOptions,
    ImportRefused,
    ImportResult,
    Refusals,
    import_catalog,
    parse_columns,
)
from app.catalog.models import CourseStatus
from app.cli.connection import connected_settings
from app.cli.refusal import Refused, refusals
from app.database import Database
from app.errors import Unavailable
from app.settings import DatabaseSettings
from app.telemetry import Metrics

SHOWN = 20
SOME_REFUSED = 2
INTERRUPTED = 130

app = typer.Typer(no_args_is_help=True)


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
        if status not in {CourseStatus.PUBLISHED, CourseStatus.DRAFT}:
            raise Refused("A status is published or draft.")
        with _import_refusals(), _report_file(report, file) as report_file:
            options = ImportOptions(
                columns=parse_columns(columns or []),
                key=key,
                source=source,
                status=CourseStatus(status),
                instructor=instructor,
                delimiter="\t" if delimiter.lower() in {"tab", "\\t"} else delimiter,
                encoding=encoding,
            )
            result = ImportResult(Refusals(report_file))
            settings = _batch(connected_settings().database)
            try:
                progress = _progress(shown=not as_json and sys.stderr.isatty())
                asyncio.run(_run(settings, file, options, result, progress))
            except (KeyboardInterrupt, Unavailable) as error:
                _print_stopped(error, result)
                raise typer.Exit(INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1) from None
    if as_json:
        _print_json(result)
    else:
        _print(result, report)
    if result.refusals.count:
        raise typer.Exit(SOME_REFUSED)


async def _run(
    settings: DatabaseSettings, file: Path, options: ImportOptions, result: ImportResult, progress: Progress
) -> None:
    database = Database(settings, Metrics())
    await database.open()
    try:
        with progress:
            task = progress.add_task(file.name, total=None)

            def show() -> None:
                progress.update(task, completed=result.bytes_read, total=result.bytes_total)

            await import_catalog(database, file, options, result, on_chunk=show)
    finally:
        await database.close()


def _progress(*, shown: bool) -> Progress:
    """A bar on standard error; by bytes, since nobody knows a file's rows before its end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not shown,
    )


def _batch(settings: DatabaseSettings) -> DatabaseSettings:
    """A pool whose statements, and waits for other imports' chunks, may take as long as a batch's."""
    longer = settings.batch_statement_timeout
    return settings.model_copy(
        update={"pool_size": 1, "statement_timeout": longer, "lock_timeout": longer, "pool_wait": longer}
    )


@contextmanager
def _import_refusals() -> Iterator[None]:
    try:
        yield
    except ImportRefused as error:
        raise Refused(str(error)) from None


@contextmanager
def _report_file(path: Path | None, imported: Path) -> Iterator[TextIO | None]:
    """Opened first: an import must not find out at its end that it cannot say what it refused."""
    if path is None:
        yield None
        return
    if path.exists() and imported.exists() and path.samefile(imported):
        raise Refused("The report would overwrite the file that is imported.")
    try:
        opened = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise Refused(f"The report {path} cannot be written: {error.strerror}.") from None
    with opened:
        yield opened


def _print_json(result: ImportResult) -> None:
    refused = result.refusals
    answer = {
        **asdict(result.tally),
        "refused": [asdict(refusal) for refusal in refused.kept],
        # More than 10,000 are counted and written to --report, but not listed here.
        "refusedCount": refused.count,
        "seconds": round(result.seconds, 3),
    }
    typer.echo(orjson.dumps(answer))


def _print(result: ImportResult, report: Path | None) -> None:
    refused = result.refusals
    typer.echo(f"{_summary(result)} in {result.seconds:.1f} s.")
    for refusal in refused.kept[:SHOWN]:
        typer.echo(f"  line {refusal.line}: {refusal.reason}")
    if refused.count > SHOWN:
        rest = f"and {refused.count - SHOWN:,} more"
        typer.echo(f"  {rest}, all in {report}" if report else f"  {rest}; --report FILE lists all")


def _print_stopped(error: BaseException, result: ImportResult) -> None:
    reason = str(error) or "Interrupted."
    typer.echo(f"{reason} Until then: {_summary(result)}. Run the same command again to go on.", err=True)


def _summary(result: ImportResult) -> str:
    tally = result.tally
    return (
        f"{tally.created:,} created, {tally.updated:,} updated, {tally.unchanged:,} unchanged, "
        f"{result.refusals.count:,} refused"
    )
