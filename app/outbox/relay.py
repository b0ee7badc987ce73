"""Repeats what no worker has heard of, and what was lost with its worker: the reason why Redis may be emptied."""

import asyncio
import logging
from datetime import timedelta

from app.database import Database, Query
from app.errors import Unavailable
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
_STATE = Query(
    "SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(due_at)), 0)::float AS oldest,"
    " (SELECT count(*) FROM dead_letters) AS dead FROM jobs WHERE due_at <= now()",
    (),
    {},
)

_log = logging.getLogger(__name__)


class Relay:
    """Several at once are safe: each takes other rows."""

    def __init__(self, database: Database, handover: Handover, metrics: Metrics) -> None:
        self._database = database
        self._handover = handover
        self._metrics = metrics

    async def run(self) -> None:
        """Until it is cancelled; outages are waited out."""
        while True:
            try:
                repeated = await self.repeat()
                await self._measure()
            except Unavailable as error:
                _log.warning("the relay waits: %s", error)
                repeated = 0
            if repeated < BATCH:
                await asyncio.sleep(INTERVAL)

    async def repeat(self) -> int:
        """Tells the workers once more of what is due and not running. Returns how many jobs."""
        rows = await self._database.fetch(_UNHEARD, grace=GRACE, repeat=REPEAT, batch=BATCH)
        if rows:
            await self._handover.tell([(row["id"], row["queue"]) for row in rows])
            self._metrics.jobs_repeated.inc(len(rows))
        return len(rows)

    async def _measure(self) -> None:
        (state,) = await self._database.fetch(_STATE)
        self._metrics.jobs_waiting.set(state["waiting"])
        self._metrics.jobs_oldest.set(state["oldest"])
        self._metrics.dead_letters.set(state["dead"])
