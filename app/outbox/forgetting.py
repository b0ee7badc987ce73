"""What caches must forget: written down in the transaction that changes it, so that a Redis away cannot lose it."""

from app.database import Database, Query, Transaction
from app.jobs import HANDLING, Job

_LIST_LIMIT = 10_000

_INSERT = Query(
    "INSERT INTO jobs (name, queue, payload) VALUES ($1, $2, $3)",
    ("name", "queue", "payload"),
    {},
)
# The name as a literal: only so does the planner see that its index serves.
_UNSETTLED = Query(
    "SELECT entry FROM jobs CROSS JOIN LATERAL jsonb_array_elements_text(payload -> 'entries') AS entry"
    " WHERE name = 'forget_cached' LIMIT $1",
    ("limit",),
    {},
)


async def forget(tx: Transaction, *entries: str) -> None:
    """If the transaction commits, caches show nothing older: at once in this process, within a second in every other.

    `entries` are names that `CacheSpec.entry` gives. Once more in the same transaction costs nothing. No worker is told:
    the relay finds the job soon enough.
    """
    new = tx.changes(entries)
    if new:
        await tx.fetch(
            _INSERT,
            name=Job.FORGET_CACHED,
            queue=HANDLING[Job.FORGET_CACHED].queue,
            payload={"entries": new},
        )


async def unsettled_entries(database: Database) -> frozenset[str] | None:
    """Those that Redis is not yet known to have forgotten; None for more than 10,000."""
    rows = await database.fetch(_UNSETTLED, limit=_LIST_LIMIT + 1)
    return None if len(rows) > _LIST_LIMIT else frozenset(row["entry"] for row in rows)
