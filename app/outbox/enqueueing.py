"""Asking for a job, telling of an event: rows in the transaction that does so."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from app.database import Fetch, Query, Transaction
from app.jobs import CONSUMERS, HANDLING, Event, Job
from app.outbox.handover import Handover
from app.telemetry import Metrics

_NAMESPACE = uuid5(NAMESPACE_URL, "lectern:jobs")
_INSERT = Query(
    "INSERT INTO jobs (id, name, queue, payload, due_at, event_id)"
    " VALUES (coalesce($1, uuidv7()), $2, $3, $4, now() + $5, $6) ON CONFLICT (id) DO NOTHING RETURNING id",
    ("id", "name", "queue", "payload", "delay", "event_id"),
    {},
)
_INSERT_MANY = Query(
    "INSERT INTO jobs (id, name, queue, payload) SELECT t.id, $1, $2, e.value"
    " FROM unnest($3::uuid[]) WITH ORDINALITY AS t (id, place)"
    " JOIN jsonb_array_elements($4::jsonb) WITH ORDINALITY AS e (value, place) USING (place)"
    " ON CONFLICT (id) DO NOTHING RETURNING id",
    ("name", "queue", "ids", "payloads"),
    {},
)
_WAITING = Query("SELECT id FROM jobs WHERE id = ANY($1::uuid[])", ("ids",), {})
_AT_ONCE = timedelta(0)


def job_id_of(job: Job, key: str) -> UUID:
    """The same for the same job and key, always."""
    return uuid5(_NAMESPACE, f"{job}:{key}")


async def waiting_jobs(connection: Fetch, ids: list[UUID]) -> set[UUID]:
    """Those of the jobs that are not done: they wait, run, or will be tried again."""
    return {row["id"] for row in await connection.fetch(_WAITING, ids=ids)}


class Outbox:
    """One per process."""

    def __init__(self, handover: Handover, metrics: Metrics) -> None:
        self._handover = handover
        self._metrics = metrics

    async def enqueue(
        self,
        tx: Transaction,
        job: Job,
        payload: dict[str, Any],
        *,
        key: str | None = None,
        delay: timedelta = _AT_ONCE,
    ) -> UUID | None:
        """Asks for a job, if the transaction commits. Returns its id; None when one of that key waits already.

        `payload` is JSON; `delay` is how long it waits at least. A key is forgotten when its job is done: what must never
        happen twice is for the job itself to see.
        """
        return await self._insert(tx, job, payload, None if key is None else job_id_of(job, key), delay=delay)

    async def enqueue_many(
        self, tx: Transaction, job: Job, payloads: Sequence[tuple[str, dict[str, Any]]]
    ) -> list[UUID]:
        """The same for many, (key, payload) each, in one statement. Returns the ids of those that did not wait already."""
        if not payloads:
            return []
        queue = HANDLING[job].queue
        rows = await tx.fetch(
            _INSERT_MANY,
            name=job,
            queue=queue,
            ids=[job_id_of(job, key) for key, _ in payloads],
            payloads=[payload for _, payload in payloads],
        )
        ids: list[UUID] = [row["id"] for row in rows]

        async def tell() -> None:
            self._metrics.jobs_enqueued.labels(job).inc(len(ids))
            await self._handover.tell([(job_id, queue) for job_id in ids])

        tx.after_commit(tell)
        return ids

    async def announce(self, tx: Transaction, event: Event, payload: dict[str, Any], *, key: str) -> None:
        """Tells every consumer, if the transaction commits, and each of them once for the same event and key."""
        event_id = uuid5(_NAMESPACE, f"event:{event}:{key}")
        for job in CONSUMERS[event]:
            await self._insert(tx, job, payload, job_id_of(job, f"event:{event_id}"), event_id=event_id)

    async def _insert(
        self,
        tx: Transaction,
        job: Job,
        payload: dict[str, Any],
        known_id: UUID | None,
        *,
        delay: timedelta = _AT_ONCE,
        event_id: UUID | None = None,
    ) -> UUID | None:
        handling = HANDLING[job]
        rows = await tx.fetch(
            _INSERT,
            id=known_id,
            name=job,
            queue=handling.queue,
            payload=payload,
            delay=delay,
            event_id=event_id,
        )
        if not rows:
            return None
        job_id: UUID = rows[0]["id"]

        async def tell() -> None:
            self._metrics.jobs_enqueued.labels(job).inc()
            if delay <= _AT_ONCE:
                await self._handover.tell([(job_id, handling.queue)])

        tx.after_commit(tell)
        return job_id
