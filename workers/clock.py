"""The clock: sees what is due and asks for its run; and what a run is."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from time import perf_counter

from app.errors import Unavailable
from app.outbox import Claim, begin_run, end_run, open_run
from app.resources import Resources
from workers.running import Handler
from workers.schedule import Cron

INTERVAL = 0.5  # seconds between two looks

_log = logging.getLogger("lectern.worker")


class Clock:
    """Every worker has one; that a run happens once is decided in PostgreSQL."""

    def __init__(self, resources: Resources, schedule: Sequence[Cron]) -> None:
        self._resources = resources
        self._schedule = schedule
        self._opened: dict[str, datetime] = {}

    async def run(self) -> None:
        """Until it is cancelled; outages are waited out."""
        while True:
            try:
                await self.look(datetime.now(UTC))
            except Unavailable as error:
                _log.warning("the clock waits: %s", error)
            await asyncio.sleep(INTERVAL)

    async def look(self, now: datetime) -> None:
        """Asks for the runs that are due. Without a statement when all of them have been seen to."""
        resources = self._resources
        for entry in self._schedule:
            due_at = entry.due_at(now)
            if self._opened.get(entry.name) != due_at and await open_run(
                resources.database, resources.outbox, entry.name, due_at
            ):
                self._opened[entry.name] = due_at


def run_scheduled(schedule: Sequence[Cron]) -> Handler:
    """The handler of Job.SCHEDULED."""
    entries = {entry.name: entry for entry in schedule}

    async def run(resources: Resources, claim: Claim) -> None:
        name, due_at = claim.payload["name"], datetime.fromisoformat(claim.payload["due_at"])
        await begin_run(resources.database, name, due_at)
        outcome, result = await _observed(resources, name, entries.get(name))
        async with claim.finish() as tx:
            await end_run(tx, name, due_at, outcome, result)

    return run


async def _observed(resources: Resources, name: str, entry: Cron | None) -> tuple[str, str | None]:
    """Runs it, with a log line and series. Raises Unavailable: an outage is waited out, everything else is the end."""
    began = perf_counter()
    outcome, result = "cut_off", None
    try:
        returned = await _run(resources, name, entry)
        outcome, result = "succeeded", None if returned is None else str(returned)
        resources.metrics.cron_last_success.labels(name).set_to_current_time()
    except Unavailable:
        outcome = "postponed"
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is written down
        outcome, result = "failed", f"{type(error).__name__}: {error}"
        _log.exception("%s failed", name)
    finally:
        seconds = perf_counter() - began
        resources.metrics.cron_runs.labels(name, outcome).inc()
        resources.metrics.cron_seconds.labels(name).observe(seconds)
        context = {"job": name, "outcome": outcome, "seconds": round(seconds, 3), "result": result}
        _log.info("%s %s", name, outcome, extra={"context": context})
    return outcome, result


async def _run(resources: Resources, name: str, entry: Cron | None) -> object:
    if entry is None:
        raise LookupError(f"this release has no {name}")
    async with asyncio.timeout(entry.limit):
        return await entry.run(resources)
