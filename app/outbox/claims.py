"""Running a job: claimed, so that others leave it alone; recorded under a fence, so that it counts once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.database import Database, Query, Transaction
from app.jobs import HANDLING, Handling, Job

MARGIN = 10.0
"""Seconds beyond a job's limit after which a claim without a lease counts as lost: its process is dead or cut off."""
_FIRST_DELAY = 1.0
_LONGEST_DELAY = 600.0

_CLAIM = Query(
    "UPDATE jobs SET tries = tries + 1, losses = losses + 1, fence = fence + 1, handed_over_at = NULL,"
    " due_at = now() + coalesce(($2::jsonb ->> name)::float, $3) * interval '1 second'"
    " WHERE id = $1 AND due_at <= now() RETURNING id, name, queue, payload, tries, losses, fence, event_id",
    ("id", "limits", "unknown"),
    {},
)
_DONE = Query("DELETE FROM jobs WHERE id = $1 AND fence = $2 RETURNING id", ("id", "fence"), {})
_AGAIN = Query(
    "UPDATE jobs SET due_at = now() + $3, tries = tries - $5, losses = 0, last_error = $4, handed_over_at = NULL"
    " WHERE id = $1 AND fence = $2 RETURNING id",
    ("id", "fence", "delay", "error", "uncounted"),
    {},
)
_BURY = Query(
    "WITH gone AS (DELETE FROM jobs WHERE id = $1 AND fence = $2 RETURNING *)"
    " INSERT INTO dead_letters (id, name, queue, payload, event_id, tries, error, traceback, created_at)"
    " SELECT id, name, queue, payload, event_id, tries, $3, $4, created_at FROM gone"
    " ON CONFLICT (id) DO UPDATE SET tries = excluded.tries, error = excluded.error, traceback = excluded.traceback,"
    " failed_at = now() RETURNING id",
    ("id", "fence", "error", "traceback"),
    {},
)
_EXTEND = Query(
    "UPDATE jobs SET due_at = clock_timestamp() + $3 WHERE id = $1 AND fence = $2 RETURNING id",
    ("id", "fence", "lease"),
    {},
)
_HEARD = Query(
    "INSERT INTO processed_events (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING consumer",
    ("consumer", "event_id"),
    {},
)
PARKED = 300.0
"""Seconds until a job that this release does not know is looked at again: another release's worker may know it."""


class Fenced(Exception):
    """This attempt was given up as lost, and another has begun: nothing of it may be recorded."""


class Repeated(Exception):
    """The event has had this effect before: nothing of this attempt is recorded."""


@dataclass(slots=True)
class Claim:
    """One attempt at a job."""

    database: Database
    id: UUID
    name: str
    queue: str
    payload: dict[str, Any]
    tries: int
    """This attempt included."""
    losses: int
    """Attempts in a row, this one included, that did not end."""
    fence: int
    event_id: UUID | None
    finished: bool = field(default=False)

    @asynccontextmanager
    async def finish(self) -> AsyncIterator[Transaction]:
        """The transaction in which the job's effect and its end become one. Raises Fenced, Repeated: nothing is written."""
        async with self.database.transaction() as tx:
            # First, so that of two attempts the second waits here, and finds nothing.
            if not await tx.fetch(_DONE, id=self.id, fence=self.fence):
                raise Fenced
            if self.event_id and not await tx.fetch(_HEARD, consumer=self.name, event_id=self.event_id):
                raise Repeated
            yield tx
        self.finished = True

    async def extend(self, tx: Transaction) -> None:
        """Says that this attempt lives: its lease begins anew. What `tx` writes besides counts for this attempt alone.
        Raises Fenced.
        """
        lease = timedelta(seconds=_lease(HANDLING[Job(self.name)]))
        if not await tx.fetch(_EXTEND, id=self.id, fence=self.fence, lease=lease):
            raise Fenced

    async def try_again(self, delay: float, error: str, *, uncounted: bool = False) -> None:
        """Waits `delay` seconds at least. `uncounted`: the attempt was not the job's fault."""
        await self.database.fetch(
            _AGAIN,
            id=self.id,
            fence=self.fence,
            delay=timedelta(seconds=delay),
            error=error,
            uncounted=int(uncounted),
        )

    async def drop(self) -> None:
        """Ends the job without an effect."""
        await self.database.fetch(_DONE, id=self.id, fence=self.fence)

    async def bury(self, error: str, traceback: str) -> None:
        """Sets the job aside for an operator."""
        await self.database.fetch(_BURY, id=self.id, fence=self.fence, error=error, traceback=traceback)


async def claim_job(database: Database, job_id: UUID) -> Claim | None:
    """The next attempt at a job; None when it is done, not due, or running elsewhere."""
    rows = await database.fetch(
        _CLAIM,
        id=job_id,
        limits={job.value: _lease(handling) for job, handling in HANDLING.items()},
        unknown=PARKED,
    )
    if not rows:
        return None
    row = rows[0]
    return Claim(database, **row)


def _lease(handling: Handling) -> float:
    return handling.limit + MARGIN if handling.lease is None else handling.lease


def backoff(tries: int, chance: float) -> float:
    """Seconds before the next attempt: doubling, up to ten minutes, spread by `chance` (0 to 1) over half of it."""
    longest: float = min(_FIRST_DELAY * 2 ** min(tries - 1, 20), _LONGEST_DELAY)
    return longest * (0.5 + chance / 2)


def known(name: str) -> Job | None:
    """The job of that name, if this release has it."""
    return Job(name) if name in set(Job) else None
