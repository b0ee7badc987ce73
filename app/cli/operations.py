"""`lectern operations`: the long jobs that people can watch, whoever asked for them."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer
from asyncpg import Record
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from app.cli.connection import connected_database
from app.cli.refusal import Refused, refusals
from app.database import Database
from app.identity import reads as accounts
from app.identity.actor import Actor
from app.identity.addresses import checked_email, email_key
from app.identity.models import SUCCESS, Role
from app.identity.service import audit
from app.operations import reads, service
from app.operations.models import OperationState

app = typer.Typer(no_args_is_help=True, help="Long jobs that people can watch: follow them, cancel them.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[UUID, typer.Argument(help="Its id, as `lectern operations list` shows it.")]

INTERVAL = 0.5  # seconds between two looks of `watch`
EXIT_CODES = {OperationState.SUCCEEDED: 0, OperationState.FAILED: 1, OperationState.CANCELLED: 3}
_OPEN_LIMIT = 10_000  # far more than can be open at once
_OPERATOR = Actor(role=Role.ADMIN)


@app.command("list")
def list_operations(
    owner: Annotated[str | None, typer.Option(metavar="EMAIL", help="Only those of this account.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that have not ended.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, at most.")] = 30,
    as_json: AsJson = False,
) -> None:
    """List operations, the latest first. They are kept for 90 days after their end."""
    with refusals():
        rows = asyncio.run(_listed(owner, limit, only_open=only_open))
    if as_json:
        typer.echo(orjson.dumps([_as_json(row) for row in rows]))
        return
    for row in rows:
        typer.echo(_line(row))
    if not rows:
        typer.echo("There are none.")


@app.command()
def show(operation_id: Id, as_json: AsJson = False) -> None:
    """Say how far one is, or what became of it."""
    with refusals():
        row = asyncio.run(_shown(operation_id))
    typer.echo(orjson.dumps(_as_json(row)) if as_json else _line(row))


@app.command()
def cancel(operation_id: Id, as_json: AsJson = False) -> None:
    """Cancel one: at once while it waits, at its next step when it runs. What is done stays."""
    with refusals():
        row = asyncio.run(_cancelled(operation_id))
    typer.echo(orjson.dumps(_as_json(row)) if as_json else _line(row))


@app.command()
def watch(operation_id: Id, as_json: AsJson = False) -> None:
    """Follow one to its end, with a bar where there is a terminal; Ctrl-C ends the watching alone.

    Exit codes: 0 it succeeded, 1 it failed, or cannot be watched, 3 it was cancelled.
    """
    with refusals():
        try:
            row = asyncio.run(_watched(operation_id, shown=not as_json))
        except KeyboardInterrupt:
            typer.echo("It goes on; `lectern operations cancel` ends it.", err=True)
            raise typer.Exit(130) from None
    typer.echo(orjson.dumps(_as_json(row)) if as_json else _line(row))
    raise typer.Exit(EXIT_CODES[OperationState(row["state"])])


async def _listed(owner: str | None, limit: int, *, only_open: bool) -> list[Record]:
    async with connected_database() as database:
        if owner is None:
            return await reads.latest_operations(database, limit, only_open=only_open)
        account = await accounts.user_by_email_key(database, email_key(checked_email(owner)))
        if account is None:
            raise Refused(f"There is no account with the e-mail address {owner}.")
        if not only_open:
            return await reads.operations_of_owner(database, account["id"], limit)
        rows = await reads.latest_operations(database, _OPEN_LIMIT, only_open=True)
        return [row for row in rows if row["owner_id"] == account["id"]][:limit]


async def _shown(operation_id: UUID) -> Record:
    async with connected_database() as database:
        return await _found(database, operation_id)


async def _found(database: Database, operation_id: UUID) -> Record:
    rows = await reads.visible_operations(database, [operation_id], _OPERATOR)
    if not rows:
        raise Refused(f"There is no operation {operation_id}.")
    return rows[0]


async def _cancelled(operation_id: UUID) -> Record:
    async with connected_database() as database, database.transaction() as tx:
        row = await service.cancel(tx, _OPERATOR, operation_id=operation_id)
        subject = f"Operation:{operation_id}"
        await audit.record(
            tx,
            audit.Attempt(
                action="cancelOperation", outcome=SUCCESS, subject=subject, user_agent="lectern operations"
            ),
        )
        return row


async def _watched(operation_id: UUID, *, shown: bool) -> Record:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    async with connected_database() as database:
        with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as bar:
            task = bar.add_task("", total=None)
            while True:
                row = await _found(database, operation_id)
                total = None if row["progress"] is None else 1.0
                bar.update(
                    task,
                    completed=row["progress"] or 0,
                    total=total,
                    description=row["message"] or row["state"],
                )
                if row["finished_at"] is not None:
                    return row
                await asyncio.sleep(INTERVAL)


def _line(row: Record) -> str:
    """One operation for a person."""
    done = "" if row["progress"] is None or row["finished_at"] else f" {row['progress']:.0%}"
    ending = row["cancel_requested_at"] is not None and row["finished_at"] is None
    sentence = row["error_message"] or row["message"] or ""
    return (
        f"{row['id']}  {row['kind']}  {row['created_at']:%Y-%m-%d %H:%M} UTC  {row['state']}{done}"
        f"{', is being cancelled' if ending else ''}  {sentence}".rstrip()
    )


def _as_json(row: Record) -> dict[str, Any]:
    columns = {column.key: row[column.key] for column in reads.SHOWN_COLUMNS}
    return {**columns, "id": str(row["id"])}
