"""The record of what runs by the clock: it makes each run one, however many workers look at the clock."""

from datetime import datetime, timedelta
from typing import Any

from app.database import Database, Query, Transaction
from app.jobs import Job
from app.outbox.enqueueing import Outbox

KEPT = timedelta(days=90)
"""How long runs, and consumers' notes of events, are remembered."""

_OPEN = Query(
    "INSERT INTO cron_runs (name, due_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING name",
    ("name", "due_at"),
    {},
)
_BEGIN = Query(
    "UPDATE cron_runs SET started_at = now() WHERE name = $1 AND due_at = $2 RETURNING name",
    ("name", "due_at"),
    {},
)
_END = Query(
    "UPDATE cron_runs SET ended_at = now(), outcome = $3, result = left($4, 1000) WHERE name = $1 AND due_at = $2"
    " RETURNING name",
    ("name", "due_at", "outcome", "result"),
    {},
)
_LATEST = Query("SELECT * FROM cron_runs ORDER BY due_at DESC, name LIMIT $1", ("limit",), {})
_FORGET = Query(
    "WITH runs AS (DELETE FROM cron_runs WHERE due_at < now() - $1::interval RETURNING 1),"
    " events AS (DELETE FROM processed_events WHERE processed_at < now() - $1::interval RETURNING 1)"
    " SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM events) AS gone",
    ("kept",),
    {},
)


class _BeforeItsTurn(Exception):
    """The run before this one has not ended."""


async def open_run(database: Database, outbox: Outbox, name: str, due_at: datetime) -> bool:
    """Asks for the run of that moment, unless another worker has. False while the entry's last run has not ended."""
    try:
        async with database.transaction() as tx:
            if await tx.fetch(_OPEN, name=name, due_at=due_at):
                await _ask(tx, outbox, name, due_at)
    except _BeforeItsTurn:
        return False
    return True


async def _ask(tx: Transaction, outbox: Outbox, name: str, due_at: datetime) -> None:
    payload = {"name": name, "due_at": due_at.isoformat()}
    if await outbox.enqueue(tx, Job.SCHEDULED, payload, key=name) is None:
        raise _BeforeItsTurn


async def begin_run(database: Database, name: str, due_at: datetime) -> None:
    """Notes an attempt."""
    await database.fetch(_BEGIN, name=name, due_at=due_at)


async def end_run(tx: Transaction, name: str, due_at: datetime, outcome: str, result: str | None) -> None:
    """Notes how it ended, with the end of its job."""
    await tx.fetch(_END, name=name, due_at=due_at, outcome=outcome, result=result)


async def latest_runs(database: Database, limit: int) -> list[dict[str, Any]]:
    """The latest runs, that of the latest moment first."""
    return [dict(row) for row in await database.fetch(_LATEST, limit=limit)]


async def forget_old_records(tx: Transaction) -> int:
    """Deletes what is older than `KEPT`: an event announced again after that is a new one. Returns how many rows."""
    (row,) = await tx.fetch(_FORGET, kept=KEPT)
    return int(row["gone"])
