"""`lectern jobs`: what waits, what failed too often, what ran by the clock."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer

from app.cli.connection import connected_database, connected_settings
from app.cli.refusal import Refused, refusals
from app.database import Query, Transaction
from app.jobs import Job
from app.outbox import Handover, Outbox, dead_letters, discard, latest_runs, retry
from app.telemetry import Metrics

app = typer.Typer(no_args_is_help=True, help="Background jobs: what waits, what failed too often.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Ids = Annotated[list[UUID], typer.Argument(help="Ids, as `lectern jobs list` shows them.")]

_WAITING = Query(
    "SELECT name, count(*) AS waiting, count(*) FILTER (WHERE last_error IS NOT NULL) AS failing,"
    " coalesce(extract(epoch FROM now() - min(created_at)), 0)::float AS oldest_seconds"
    " FROM jobs GROUP BY name ORDER BY name",
    (),
    {},
)
_WAITS = Query("SELECT 1 FROM jobs WHERE id = $1", ("id",), {})


@app.command("list")
def list_jobs(
    name: Annotated[str | None, typer.Option(help="Only jobs of this name.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many that failed, at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Count what waits, and list what failed too often, the latest first."""
    with refusals():
        waiting, dead = asyncio.run(_listed(name, limit))
    if as_json:
        typer.echo(orjson.dumps({"waiting": waiting, "dead": dead}, default=str))
        return
    for row in waiting:
        typer.echo(
            f"{row['waiting']:,} {row['name']} wait, the oldest for {row['oldest_seconds']:.0f} s,"
            f" {row['failing']:,} after a failure"
        )
    for row in dead:
        typer.echo(f"{row['id']}  {row['name']}  {row['failed_at']:%Y-%m-%d %H:%M} UTC  {row['error'][:100]}")
    if not waiting and not dead:
        typer.echo("Nothing waits, nothing failed.")


@app.command()
def runs(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, at most.")] = 30,
    as_json: AsJson = False,
) -> None:
    """List what ran by the clock, the latest first."""
    with refusals():
        rows = asyncio.run(_runs(limit))
    if as_json:
        typer.echo(orjson.dumps(rows))
        return
    for row in rows:
        seconds = (row["ended_at"] - row["due_at"]).total_seconds() if row["ended_at"] else None
        ended = "has not ended" if seconds is None else f"{row['outcome']} {seconds:.1f} s later"
        typer.echo(
            f"{row['due_at']:%Y-%m-%d %H:%M:%S} UTC  {row['name']}  {ended}  {row['result'] or ''}".rstrip()
        )
    if not rows:
        typer.echo("Nothing has run by the clock yet. Does `lectern worker` run?")


@app.command()
def probe(
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for a worker.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Ask for a job that does nothing, and say how long it took from the commit to its end."""
    with refusals():
        seconds = asyncio.run(_probed(timeout))
        if seconds is None:
            raise Refused(
                f"No worker did the job within {timeout:g} s; it still waits. Does `lectern worker` run?"
            )
    milliseconds = round(seconds * 1000, 1)
    typer.echo(orjson.dumps({"milliseconds": milliseconds}) if as_json else f"Done after {milliseconds} ms.")


@app.command()
def show(job_id: Annotated[UUID, typer.Argument(help="Its id.")]) -> None:
    """Everything about one that failed too often, as JSON: payload, error, traceback."""
    with refusals():
        rows = asyncio.run(_shown(job_id))
        if not rows:
            raise Refused(f"No job of the id {job_id} failed too often.")
    typer.echo(orjson.dumps(rows[0], default=str, option=orjson.OPT_INDENT_2))


@app.command("retry")
def retry_jobs(ids: Ids) -> None:
    """Let jobs that failed too often wait for a worker again, with all their tries. All of them, or none."""
    _change(ids, "wait again", retry)


@app.command("discard")
def discard_jobs(ids: Ids) -> None:
    """Throw jobs that failed too often away, for good. All of them, or none."""
    _change(ids, "are gone", discard)


async def _probed(timeout: float) -> float | None:  # noqa: ASYNC109 - what the operator gave
    metrics = Metrics()
    handover = Handover(connected_settings().redis, metrics)
    try:
        async with connected_database() as database:
            async with database.transaction() as tx:
                job_id = await Outbox(handover, metrics).enqueue(tx, Job.PROBE, {})
            began = perf_counter()
            while perf_counter() - began < timeout:
                if not await database.fetch(_WAITS, id=job_id):
                    return perf_counter() - began
                await asyncio.sleep(0.002)
    finally:
        await handover.close()
    return None


async def _runs(limit: int) -> list[dict[str, Any]]:
    async with connected_database() as database:
        return await latest_runs(database, limit)


async def _listed(name: str | None, limit: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    async with connected_database() as database:
        waiting = [dict(row) for row in await database.fetch(_WAITING) if name in {None, row["name"]}]
        return waiting, [dict(row) for row in await dead_letters(database, name=name, limit=limit)]


async def _shown(job_id: UUID) -> list[dict[str, Any]]:
    async with connected_database() as database:
        return [dict(row) for row in await dead_letters(database, job_id=job_id)]


def _change(
    ids: list[UUID], what: str, verb: Callable[[Transaction, list[UUID]], Awaitable[set[UUID]]]
) -> None:
    """All of them, or nothing: raised inside of the transaction, the refusal undoes it."""

    async def run() -> int:
        async with connected_database() as database, database.transaction() as tx:
            done = await verb(tx, ids)
            if unknown := [str(job_id) for job_id in dict.fromkeys(ids) if job_id not in done]:
                raise Refused(
                    f"Nothing was done: none that failed too often has the id {', '.join(unknown)}."
                )
            return len(done)

    with refusals():
        done = asyncio.run(run())
    typer.echo(f"{done} {what}.")
