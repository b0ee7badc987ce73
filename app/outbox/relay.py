"""Repeats what no worker has heard of, and what was lost with its worker: the reason why Redis may be emptied."""

import asyncio
import logging
from datetime import timedelta
from time import monotonic

from app.database import Database, Query
from app.errors import Unavailable
from app.jobs import Queue
from app.outbox.handover import Handover
from app.telemetry import Metrics

INTERVAL = 1.0
GRACE = timedelta(seconds=2)
"""What is told right after a commit is usually running by now."""
REPEAT = timedelta(seconds=30)
"""A job that was told again and still waits: the queue is long, or whoever had heard of it died."""
BATCH = 500
"""Of each queue at a time."""
LONG = 1_000
"""Ids in Redis from which on a queue's workers have enough to do for a while: told again, most would be there twice."""

# Each queue by itself: a million jobs of one hide none of another. Looked for once: in a subquery it would be begun anew
# for each row of some plans, and each time lock and give the next ones, whatever the limit.
_UNHEARD = Query(
    "WITH unheard AS MATERIALIZED (SELECT found.id"
    " FROM unnest($1::text[], $2::interval[]) AS q (name, patience)"
    " CROSS JOIN LATERAL (SELECT id FROM jobs WHERE queue = q.name AND due_at < now() - $3::interval"
    " AND (handed_over_at IS NULL OR handed_over_at < now() - q.patience)"
    " ORDER BY due_at, id LIMIT $4 FOR UPDATE SKIP LOCKED) AS found)"
    " UPDATE jobs SET handed_over_at = now() FROM unheard WHERE jobs.id = unheard.id RETURNING jobs.id, jobs.queue",
    ("queues", "patience", "grace", "batch"),
    {},
)
# Waits for nobody: what somebody has locked is being claimed or ended, and needs no telling.
_PUT_BACK = Query(
    "UPDATE jobs SET handed_over_at = NULL WHERE id IN"
    " (SELECT id FROM jobs WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED)",
    ("ids",),
    {},
)
MEASURE = 5.0
"""Seconds between two counts of what waits."""

_WAITING = Query(
    "SELECT queue, count(*) AS waiting, extract(epoch FROM now() - min(due_at))::float AS oldest"
    " FROM jobs WHERE due_at <= now() GROUP BY queue",
    (),
    {},
)
_DEAD = Query("SELECT count(*) AS dead FROM dead_letters", (), {})

_log = logging.getLogger(__name__)


class Relay:
    """Several at once are safe: each takes other rows."""

    def __init__(self, database: Database, handover: Handover, metrics: Metrics) -> None:
        self._database = database
        self._handover = handover
        self._metrics = metrics
        self._measured_at = float("-inf")

    async def run(self) -> None:
        """Until it is cancelled; outages are waited out."""
        while True:
            try:
                repeated = await self.repeat()
                await self.measure()
            except Unavailable as error:
                _log.warning("the relay waits: %s", error)
                repeated = 0
            if repeated < BATCH:
                await asyncio.sleep(INTERVAL)

    async def repeat(self) -> int:
        """Tells the workers once more of what is due and not running. Returns of how many jobs."""
        try:
            lengths = await self._handover.lengths(list(Queue))
        except Unavailable:
            return 0
        # An id stays in Redis until its job has run: of an empty queue all was done, or Redis was emptied.
        patience = {
            queue: REPEAT if length else GRACE
            for queue, length in zip(Queue, lengths, strict=True)
            if length < LONG
        }
        rows = await self._database.fetch(
            _UNHEARD, queues=list(patience), patience=list(patience.values()), grace=GRACE, batch=BATCH
        )
        if not rows:
            return 0
        if not await self._handover.tell([(row["id"], row["queue"]) for row in rows]):
            # As soon as Redis is back they are told, not after REPEAT.
            await self._database.fetch(_PUT_BACK, ids=[row["id"] for row in rows])
            return 0
        self._metrics.jobs_repeated.inc(len(rows))
        return len(rows)

    async def measure(self) -> None:
        """Counts what waits, now and then: in a long queue a count costs."""
        if monotonic() - self._measured_at < MEASURE:
            return
        self._measured_at = monotonic()
        found = {row["queue"]: row for row in await self._database.fetch(_WAITING)}
        for queue in {*Queue, *found}:
            row = found.get(queue)
            self._metrics.jobs_waiting.labels(queue).set(row["waiting"] if row else 0)
            self._metrics.jobs_oldest.labels(queue).set(row["oldest"] if row else 0)
        (dead,) = await self._database.fetch(_DEAD)
        self._metrics.dead_letters.set(dead["dead"])
