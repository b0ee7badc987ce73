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
    "INSERT INTO jobs (id, name, queue, payload, due_at)"
    " VALUES (coalesce($1, uuidv7()), $2, $3, $4, now() + $5) ON CONFLICT (id) DO NOTHING RETURNING id",
    ("id", "name", "queue", "payload", "delay"),
    {},
)
# In the order of their ids, so that two who tell of the same events do not wait for each other in a circle.
_INSERT_MANY = Query(
    "INSERT INTO jobs (id, name, queue, payload, event_id)"
    " SELECT id, $2, $3, payload, event_id FROM unnest($1::uuid[], $4::jsonb[], $5::uuid[]) AS t (id, payload, event_id)"
    " ORDER BY id ON CONFLICT (id) DO NOTHING RETURNING id",
    ("ids", "name", "queue", "payloads", "event_ids"),
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


async def enqueue_later(
    tx: Transaction, job: Job, payload: dict[str, Any], *, key: str, delay: timedelta
) -> None:
    """As `Outbox.enqueue`, for what is not due yet and by whom no outbox is held: the relay tells of it when it is."""
    await tx.fetch(
        _INSERT, id=job_id_of(job, key), name=job, queue=HANDLING[job].queue, payload=payload, delay=delay
    )


class Outbox:
    """One per process."""

    def __init__(self, handover: Handover, metrics: Metrics) -> None:
        self._handover = handover
        self.metrics = metrics

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
        rows = await tx.fetch(
            _INSERT,
            id=None if key is None else job_id_of(job, key),
            name=job,
            queue=HANDLING[job].queue,
            payload=payload,
            delay=delay,
        )
        if not rows:
            return None
        job_id: UUID = rows[0]["id"]
        self._tell_after(tx, job, [job_id], delay)
        return job_id

    async def enqueue_many(
        self, tx: Transaction, job: Job, payloads: Sequence[tuple[str, dict[str, Any]]]
    ) -> list[UUID]:
        """The same for many, (key, payload) each, in one statement. Returns the ids of those that did not wait already."""
        ids = [job_id_of(job, key) for key, _ in payloads]
        return await self._insert_many(tx, job, ids, [payload for _, payload in payloads], [None] * len(ids))

    async def announce(self, tx: Transaction, event: Event, payload: dict[str, Any], *, key: str) -> None:
        """Tells every consumer, if the transaction commits, and each of them once for the same event and key."""
        await self.announce_many(tx, event, [(key, payload)])

    async def announce_many(
        self, tx: Transaction, event: Event, tellings: Sequence[tuple[str, dict[str, Any]]]
    ) -> None:
        """As `announce`, of many (key, payload): one statement a consumer, however many they are."""
        event_ids = [uuid5(_NAMESPACE, f"event:{event}:{key}") for key, _ in tellings]
        for job in CONSUMERS[event]:
            ids = [job_id_of(job, f"event:{event_id}") for event_id in event_ids]
            await self._insert_many(tx, job, ids, [payload for _, payload in tellings], event_ids)

    async def _insert_many(
        self,
        tx: Transaction,
        job: Job,
        ids: Sequence[UUID],
        payloads: Sequence[dict[str, Any]],
        event_ids: Sequence[UUID | None],
    ) -> list[UUID]:
        if not ids:
            return []
        rows = await tx.fetch(
            _INSERT_MANY,
            ids=ids,
            name=job,
            queue=HANDLING[job].queue,
            payloads=payloads,
            event_ids=event_ids,
        )
        new: list[UUID] = [row["id"] for row in rows]
        self._tell_after(tx, job, new)
        return new

    def _tell_after(
        self, tx: Transaction, job: Job, job_ids: Sequence[UUID], delay: timedelta = _AT_ONCE
    ) -> None:
        async def tell() -> None:
            self.metrics.jobs_enqueued.labels(job).inc(len(job_ids))
            if delay <= _AT_ONCE:
                await self._handover.tell([(job_id, HANDLING[job].queue) for job_id in job_ids])

        if job_ids:
            tx.after_commit(tell)
