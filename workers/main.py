"""Program 2: runs jobs, and the clock that asks for some. `lectern worker` starts it, `lectern dev` too.

arq, which only this file and the outbox know, ends its loop when Redis is away for longer than a few retries; here that
is a pause, not the end.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import orjson
from arq.connections import ArqRedis
from arq.worker import Worker, func
from redis.exceptions import RedisError

from app.errors import Unavailable
from app.jobs import HANDLING, Job, Queue
from app.keyvalue import redis_pool
from app.outbox import Relay
from app.outbox.handover import FUNCTION, queue_name
from app.resources import Resources, open_resources
from app.settings import Settings
from workers import operations, storage
from workers.clock import Clock, run_scheduled
from workers.handlers import HANDLERS
from workers.learning import flush_for_ever
from workers.notifications import watch_mails
from workers.running import Handler, run_job
from workers.schedule import SCHEDULE, Cron
from workers.status import Status, serve_status

_PAUSE = 1.0  # seconds between attempts while Redis is away
_HEALTH = 10  # seconds between the worker's own signs of life in Redis

# Seconds between looks at a queue: what a job waits on average is half of it.
_POLL = {
    Queue.QUICK: 0.04,
    Queue.SLOW: 0.25,
    Queue.OPERATIONS: 0.25,
    Queue.MAIL: 0.1,
    Queue.HOUSEKEEPING: 0.5,
}
_READ = 1_000  # ids of a look; fewer than run at once in all workers would hide those that wait behind them

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
    handlers: Mapping[Job, Handler] = HANDLERS,
    ready: Callable[[], None] = lambda: None,
    listener: socket.socket | None = None,
) -> None:
    """Runs until `stop` says so; tells about itself on `listener`, else on the settings' port. Raises Unavailable when
    PostgreSQL cannot be reached at the start.
    """
    status = Status()
    handlers = {**handlers, Job.SCHEDULED: run_scheduled(schedule)}
    async with (
        open_resources(settings) as resources,
        serve_status(settings.worker, resources.metrics, status, listener),
        _beside(Relay(resources.database, resources.handover, resources.metrics).run()),
        _beside(Clock(resources, schedule).run()),
        _beside(watch_mails(resources)),
        _beside(operations.measure(resources)),
        _beside(storage.measure(resources)),
        _beside(flush_for_ever(resources)),
    ):
        ready()
        away = False
        while not stop.soon.is_set():
            try:
                await _work(
                    [_job_worker(resources, status, queue, handlers) for queue in Queue],
                    stop,
                    settings.worker.shutdown_grace,
                )
            except (RedisError, OSError) as error:
                if not away:
                    _log.warning("Redis is away, nothing runs until it is back: %s", error)
                away = True
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.soon.wait(), _PAUSE)
            else:
                away = False


@asynccontextmanager
async def working(settings: Settings, listener: socket.socket) -> AsyncIterator[None]:
    """A worker beside the block, for `lectern dev`."""
    stop = Stop()
    task = asyncio.create_task(run(settings, stop, listener=listener))
    try:
        yield
    finally:
        stop.ask()
        await task


@asynccontextmanager
async def _beside(endless: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(endless)
    try:
        yield
    finally:
        await _cancelled([task])


async def _cancelled(tasks: "Iterable[asyncio.Task[Any]]") -> None:
    """Cancels tasks until they have ended: on Python 3.11 `asyncio.wait_for`, with which the Redis client waits, loses a
    cancellation that comes together with what is waited for.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=1)


async def _work(workers: "Sequence[_Worker]", stop: Stop, grace: float) -> None:
    """One life of arq's workers, ended by `stop` or by the loss of Redis, which is raised."""
    polling = [asyncio.create_task(worker.async_run()) for worker in workers]
    stopping = asyncio.create_task(stop.soon.wait())
    try:
        await asyncio.wait({*polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in polling:
            if task.done():
                task.result()
    finally:
        stopping.cancel()
        # The loops first, so that nothing new begins while the last jobs finish.
        loops = [*polling, *filter(None, (worker.main_task for worker in workers))]
        await _cancelled(loops)
        for loop in loops:
            # All of them lose Redis together; one has been heard.
            error = None if loop.cancelled() else loop.exception()
            if error is not None and not isinstance(error, (RedisError, OSError)):
                _log.error("a queue's loop broke off", exc_info=error)
        jobs = [job for worker in workers for job in worker.tasks.values()]
        if stop.soon.is_set():
            _log.info("the worker ends, %s jobs may finish", len(jobs))
        await _finish(jobs, stop, grace)
        for worker in workers:
            with suppress(RedisError, OSError):
                await worker.close()


async def _finish(jobs: "list[asyncio.Task[Any]]", stop: Stop, grace: float) -> None:
    if jobs:
        at_once = asyncio.create_task(stop.now.wait())
        whole = asyncio.gather(*jobs, return_exceptions=True)
        either: set[asyncio.Future[Any]] = {whole, at_once}
        await asyncio.wait(either, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        at_once.cancel()
        await _cancelled(jobs)


class _Worker(Worker):
    """One queue's."""

    def __init__(self, resources: Resources, status: Status, queue: str, **options: Any) -> None:
        super().__init__(
            queue_name=queue,
            redis_pool=ArqRedis(
                redis_pool(resources.settings.redis),
                # Not pickle, arq's default: whoever can write to Redis could run code here.
                job_serializer=orjson.dumps,
                job_deserializer=orjson.loads,
                default_queue_name=queue,
            ),
            job_serializer=orjson.dumps,
            job_deserializer=orjson.loads,
            handle_signals=False,
            health_check_interval=_HEALTH,
            # Of this worker alone: who ends in order deletes it.
            health_check_key=f"lectern:worker:{socket.gethostname()}:{os.getpid()}:{queue}",
            max_jobs=resources.settings.worker.max_jobs,
            **options,
        )
        self._status = status

    async def heart_beat(self) -> None:
        await super().heart_beat()
        self._status.beat()


def _job_worker(
    resources: Resources, status: Status, queue: Queue, handlers: Mapping[Job, Handler]
) -> _Worker:
    async def told(ctx: dict[Any, Any], *names: Any, **_none: Any) -> None:  # noqa: ARG001 - arq's names
        try:
            await run_job(resources, handlers, UUID(names[0]))
        except Unavailable as error:
            _log.warning("a job waits for the relay: %s", error)
        except Exception:  # noqa: BLE001 - arq ends the whole worker for some
            _log.exception("an attempt at a job broke off")

    # Of this queue: how long arq remembers a job whose worker died depends on it.
    longest = max((handling.limit for handling in HANDLING.values() if handling.queue == queue), default=0.0)
    return _Worker(
        resources,
        status,
        queue_name(queue),
        # Our own limit comes first; and what arq forgets the relay repeats, so it need not try again or keep results.
        functions=[func(told, name=FUNCTION, timeout=longest + 30, max_tries=1, keep_result=0)],
        poll_delay=_POLL[queue],
        queue_read_limit=_READ,
    )
