"""The workers of benchmarks/jobs.py: `python -m benchmarks.jobs_worker lectern|arq|arq-quick FILE`."""

import asyncio
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import IO, Any

import uvloop
from arq.connections import RedisSettings as ArqSettings
from arq.worker import Worker, func

from app.jobs import Job
from app.outbox import Claim
from app.resources import Resources
from app.settings import Settings
from workers.main import Stop, run

_POLL = {"arq": 0.5, "arq-quick": 0.04}


def note(file: IO[str], number: int) -> None:
    file.write(f"{number} {time.time()}\n")
    file.flush()


async def lectern(file: IO[str]) -> None:
    async def empty(_resources: Resources, claim: Claim) -> None:
        note(file, claim.payload["n"])

    stop = Stop()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.ask)
    settings = Settings()
    settings = settings.model_copy(update={"worker": settings.worker.model_copy(update={"port": 0})})
    await run(settings, stop, schedule=(), handlers={Job.PROBE: empty})


def arq(file: IO[str], name: str) -> None:
    async def empty(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> None:  # noqa: ARG001  (named by arq)
        note(file, args[0])

    Worker(
        functions=[func(empty, name="empty", keep_result=0)],
        redis_settings=ArqSettings.from_dsn(os.environ["LECTERN_REDIS_URL"]),
        max_jobs=10,
        poll_delay=_POLL[name],
    ).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    with Path(sys.argv[2]).open("a", encoding="utf-8") as output:
        if sys.argv[1] == "lectern":
            uvloop.run(lectern(output))
        else:
            uvloop.install()
            arq(output, sys.argv[1])
