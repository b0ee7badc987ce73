"""Program 2: runs the cron table with arq, which is imported nowhere else. `lectern worker` starts it, `lectern dev` too.

arq ends its loop when Redis is away for longer than a few retries; here that is a pause, not the end.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import Any

import orjson
from arq.connections import ArqRedis
from arq.cron import CronJob, cron
from arq.typing import WorkerCoroutine
from arq.worker import Worker
from redis.asyncio import BlockingConnectionPool
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.resources import Resources, open_resources
from app.settings import RedisSettings, Settings
from workers.schedule import SCHEDULE, Cron
from workers.status import Status, serve_status

_QUEUE = "lectern:cron"
_PAUSE = 1.0  # seconds between attempts while Redis is away
_HEALTH = 10  # seconds between the worker's own signs of life in Redis
_REMEMBERED = 3600  # seconds: a worker whose clock is late must not run again what another has run

_log = logging.getLogger("lectern.worker")


class Stop:
    """How a worker is told to end: `soon` lets jobs finish within the limit, `now` does not."""

    def __init__(self) -> None:
        self.soon = asyncio.Event()
        self.now = asyncio.Event()

    def ask(self) -> None:
        """The first time soon, the second time now."""
        (self.now if self.soon.is_set() else self.soon).set()


async def run(
    settings: Settings,
    stop: Stop,
    *,
    schedule: Sequence[Cron] = SCHEDULE,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Runs until `stop` says so. Raises Unavailable when PostgreSQL cannot be reached at the start."""
    status = Status()
    async with (
        open_resources(settings) as resources,
        serve_status(settings.worker, resources.metrics, status),
    ):
        ready()
        away = False
        while not stop.soon.is_set():
            try:
                await _work(resources, schedule, stop, status)
            except (RedisError, OSError) as error:
                if not away:
                    _log.warning("Redis is away, nothing runs until it is back: %s", error)
                away = True
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.soon.wait(), _PAUSE)
            else:
                away = False


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    """A worker beside the block, for `lectern dev`."""
    stop = Stop()
    task = asyncio.create_task(run(settings, stop))
    try:
        yield
    finally:
        stop.ask()
        await task


async def _work(resources: Resources, schedule: Sequence[Cron], stop: Stop, status: Status) -> None:
    """One life of arq's worker, ended by `stop` or by the loss of Redis, which is raised."""
    worker = _Worker(resources, schedule, status)
    polling = asyncio.create_task(worker.async_run())
    stopping = asyncio.create_task(stop.soon.wait())
    try:
        either: set[asyncio.Task[Any]] = {polling, stopping}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if polling.done():
            polling.result()
    finally:
        stopping.cancel()
        # The loop first, so that nothing new begins while the last jobs finish.
        for task in filter(None, (polling, worker.main_task)):
            task.cancel()
        await asyncio.gather(polling, stopping, return_exceptions=True)
        if stop.soon.is_set():
            _log.info("the worker ends, %s jobs may finish", len(worker.tasks))
        await _finish(list(worker.tasks.values()), stop, resources.settings.worker.shutdown_grace)
        with suppress(RedisError, OSError):
            await worker.close()


async def _finish(jobs: "list[asyncio.Task[Any]]", stop: Stop, grace: float) -> None:
    if jobs:
        at_once = asyncio.create_task(stop.now.wait())
        whole = asyncio.gather(*jobs, return_exceptions=True)
        either: set[asyncio.Future[Any]] = {whole, at_once}
        await asyncio.wait(either, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        at_once.cancel()
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


class _Worker(Worker):
    def __init__(self, resources: Resources, schedule: Sequence[Cron], status: Status) -> None:
        super().__init__(
            cron_jobs=[_timed(entry, _observed(entry, resources)) for entry in schedule],
            queue_name=_QUEUE,
            redis_pool=ArqRedis(
                _pool(resources.settings.redis),
                # Not pickle, arq's default: whoever can write to Redis could run code here.
                job_serializer=orjson.dumps,
                job_deserializer=orjson.loads,
                default_queue_name=_QUEUE,
            ),
            job_serializer=orjson.dumps,
            job_deserializer=orjson.loads,
            handle_signals=False,
            health_check_interval=_HEALTH,
            # Of this worker alone: who ends in order deletes it.
            health_check_key=f"lectern:worker:{socket.gethostname()}:{os.getpid()}",
            max_jobs=resources.settings.worker.max_jobs,
        )
        self._status = status

    async def heart_beat(self) -> None:
        await super().heart_beat()
        self._status.beat()


def _timed(entry: Cron, job: WorkerCoroutine) -> CronJob:
    return cron(
        job,
        name=entry.name,
        day=entry.day,
        hour=entry.hour,
        minute=entry.minute,
        second=entry.second,
        timeout=entry.limit + 5,  # our own limit comes first and is counted
        keep_result=_REMEMBERED,
    )


def _observed(entry: Cron, resources: Resources) -> WorkerCoroutine:
    """The job with its log line and its series. A failure ends here: the next run is the next attempt."""
    metrics = resources.metrics

    async def job(ctx: dict[Any, Any], *_args: Any, **_kwargs: Any) -> None:  # noqa: ARG001 - arq's names
        began = perf_counter()
        outcome, result = "failed", None
        try:
            async with asyncio.timeout(entry.limit):
                result = await entry.run(resources)
            outcome = "succeeded"
            metrics.cron_last_success.labels(entry.name).set_to_current_time()
        except Exception:  # noqa: BLE001 - arq ends the whole worker for some
            _log.exception("%s failed", entry.name)
        finally:
            seconds = perf_counter() - began
            metrics.cron_runs.labels(entry.name, outcome).inc()
            metrics.cron_seconds.labels(entry.name).observe(seconds)
            context = {"job": entry.name, "outcome": outcome, "seconds": round(seconds, 3), "result": result}
            _log.info("%s %s", entry.name, outcome, extra={"context": context})

    return job


def _pool(settings: RedisSettings) -> BlockingConnectionPool:
    return BlockingConnectionPool.from_url(
        settings.url,
        max_connections=settings.pool_size,
        timeout=settings.pool_wait,
        socket_connect_timeout=settings.connect_timeout,
        socket_timeout=settings.command_timeout,
        health_check_interval=settings.pool_age,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 3),
        retry_on_error=[RedisError, OSError],
    )
