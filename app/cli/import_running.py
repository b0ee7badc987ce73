"""What every import command does around its import: options checked, a database opened, refusals told, exit codes."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from app.catalog.importing import ImportRefused, Refusals
from app.catalog.models import CourseStatus
from app.cli.connection import connected_settings
from app.cli.refusal import Refused
from app.database import Database
from app.errors import Unavailable
from app.settings import DatabaseSettings
from app.telemetry import Metrics

SHOWN = 20
SOME_REFUSED = 2
INTERRUPTED = 130


def checked_status(status: str) -> CourseStatus:
    """Of new courses. Raises Refused."""
    if status not in {CourseStatus.PUBLISHED, CourseStatus.DRAFT}:
        raise Refused("A status is published or draft.")
    return CourseStatus(status)


def run_import(
    work: Callable[[Database], Awaitable[None]], progress: Progress, summary: Callable[[], str]
) -> None:
    """Runs the import against the database of the settings; `summary` says what is in when it is stopped half-way."""
    settings = connected_settings().database.for_batches()
    try:
        asyncio.run(_with_database(settings, work, progress))
    except (KeyboardInterrupt, Unavailable) as error:
        reason = str(error) or "Interrupted."
        typer.echo(f"{reason} Until then: {summary()}. Run the same command again to go on.", err=True)
        raise typer.Exit(INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1) from None


async def _with_database(
    settings: DatabaseSettings, work: Callable[[Database], Awaitable[None]], progress: Progress
) -> None:
    database = Database(settings, Metrics())
    await database.open()
    try:
        with progress:
            await work(database)
    finally:
        await database.close()


def progress_bar(count: ProgressColumn, *, shown: bool) -> Progress:
    """A bar on standard error, where that is a terminal; `count` says what it counts."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        count,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not (shown and sys.stderr.isatty()),
    )


@contextmanager
def import_refusals() -> Iterator[None]:
    """An import's own refusal as a command's."""
    try:
        yield
    except ImportRefused as error:
        raise Refused(str(error)) from None


@contextmanager
def report_file(path: Path | None, imported: Path) -> Iterator[TextIO | None]:
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


def refused_as_json(refusals: Refusals) -> dict[str, Any]:
    """The members of a --json answer that tell of refusals."""
    return {
        "refused": [
            {refusals.place_name: refusal.place, "reason": refusal.reason} for refusal in refusals.kept
        ],
        # More than 10,000 are counted and written to --report, but not listed here.
        "refusedCount": refusals.count,
    }


def print_refused(refusals: Refusals, report: Path | None) -> None:
    """The first refusals, a line each."""
    prefix = f"{refusals.place_name} " if refusals.place_name == "line" else ""
    for refusal in refusals.kept[:SHOWN]:
        typer.echo(f"  {prefix}{refusal.place}: {refusal.reason}")
    if refusals.count > SHOWN:
        rest = f"and {refusals.count - SHOWN:,} more"
        typer.echo(f"  {rest}, all in {report}" if report else f"  {rest}; --report FILE lists all")


def end(refusals: Refusals) -> None:
    """Exit code 2 says that some were refused."""
    if refusals.count:
        raise typer.Exit(SOME_REFUSED)
