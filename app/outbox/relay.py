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
"""A job that was told again and still waits: the queue is long, or Redis was emptied once more."""
BATCH = 500

_UNHEARD = Query(
    "UPDATE jobs SET handed_over_at = now() WHERE id IN ("
    " SELECT id FROM jobs WHERE due_at < now() - $1::interval"
    " AND (handed_over_at IS NULL OR handed_over_at < now() - $2::interval)"
    " ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING id, queue",
    ("grace", "repeat", "batch"),
    {},
)
_PUT_BACK = Query("UPDATE jobs SET handed_over_at = NULL WHERE id = ANY($1::uuid[])", ("ids",), {})
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
        self._heard = True

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
        """Tells the workers once more of what is due and not running. Returns how many jobs; of none when Redis is away."""
        # While Redis is away one job finds out whether it is back: the others need not be written each time.
        batch = BATCH if self._heard else 1
        rows = await self._database.fetch(_UNHEARD, grace=GRACE, repeat=REPEAT, batch=batch)
        if not rows:
            return 0
        self._heard = await self._handover.tell([(row["id"], row["queue"]) for row in rows])
        if not self._heard:
            # As soon as it is back they are told, not after REPEAT.
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
