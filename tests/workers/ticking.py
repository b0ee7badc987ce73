"""A worker as `lectern worker` runs it, with a cron table for tests: `python ticking.py TABLE`.

tick    every second, writes its second into the database
slow    every second, holds on until the test lets it go
broken  every second, raises
"""

import asyncio
import logging
import signal
import sys
from datetime import timedelta

from app.database import Query
from app.resources import Resources
from app.settings import Settings
from app.telemetry import configure_logging
from workers.main import Stop, run
from workers.schedule import Cron

TICK = Query("INSERT INTO ticks DEFAULT VALUES", (), {})
BEGUN = Query("INSERT INTO begun DEFAULT VALUES", (), {})
HELD = Query("SELECT id FROM gate FOR UPDATE", (), {})
EVERY_SECOND = timedelta(seconds=1)


async def tick(resources: Resources) -> None:
    await resources.database.fetch(TICK)


async def slow(resources: Resources) -> str:
    await resources.database.fetch(BEGUN)
    await resources.database.fetch(HELD)
    await resources.database.fetch(TICK)
    return "to its end"


async def broken(_resources: Resources) -> None:
    raise RuntimeError("as arranged")


async def main(job: str) -> None:
    stop = Stop()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.ask)
    jobs = {"tick": tick, "slow": slow, "broken": broken}
    table = [Cron(job, jobs[job], every=EVERY_SECOND)]
    await run(
        Settings(), stop, schedule=table, ready=lambda: logging.getLogger("ticking").info("the worker runs")
    )


if __name__ == "__main__":
    configure_logging(json=True, level="INFO")
    asyncio.run(main(sys.argv[1]))
