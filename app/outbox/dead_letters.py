"""What failed too often: an operator looks, and tries again or throws it away."""

from uuid import UUID

from asyncpg import Record

from app.database import Fetch, Query, Transaction

_PAGE = Query(
    "SELECT id, name, queue, payload, tries, error, traceback, created_at, failed_at FROM dead_letters"
    " WHERE ($1::uuid IS NULL OR id = $1) AND ($2::text IS NULL OR name = $2) ORDER BY failed_at DESC LIMIT $3",
    ("id", "name", "limit"),
    {},
)
# Operators take turns: of two who want one tried again the second finds it gone.
_TURN = Query("SELECT pg_advisory_xact_lock(7305811945)", (), {})
# The job before its dead letter, as whoever buries one locks them; one that waits already is locked and stays as it is.
_WAKE = Query(
    "INSERT INTO jobs (id, name, queue, payload, event_id, created_at)"
    " SELECT id, name, queue, payload, event_id, created_at FROM dead_letters WHERE id = ANY($1::uuid[])"
    " ORDER BY id ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING id",
    ("ids",),
    {},
)
_DISCARD = Query("DELETE FROM dead_letters WHERE id = ANY($1::uuid[]) RETURNING id", ("ids",), {})


async def dead_letters(
    connection: Fetch, *, job_id: UUID | None = None, name: str | None = None, limit: int = 100
) -> list[Record]:
    """The latest first."""
    return await connection.fetch(_PAGE, id=job_id, name=name, limit=limit)


async def retry(tx: Transaction, ids: list[UUID]) -> set[UUID]:
    """Lets them wait for a worker again, with all their tries. Returns those that there were.

    One that was asked for anew by its key waits already, and waits once.
    """
    await tx.fetch(_TURN)
    woken = [row["id"] for row in await tx.fetch(_WAKE, ids=ids)]
    return {row["id"] for row in await tx.fetch(_DISCARD, ids=woken)}


async def discard(tx: Transaction, ids: list[UUID]) -> set[UUID]:
    """Throws them away. Returns those that there were."""
    await tx.fetch(_TURN)
    return {row["id"] for row in await tx.fetch(_DISCARD, ids=ids)}
