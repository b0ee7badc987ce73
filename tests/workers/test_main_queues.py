"""A kind of work that takes all of its places takes none of another's; all of them lose Redis as one."""

import asyncio
import gc
import logging

import pytest

from app.jobs import HANDLING, Job, Queue
from app.outbox import Claim
from app.resources import Resources
from app.settings import RedisSettings, Settings, WorkerSettings
from tests.app import pools
from tests.factories.catalog import run as sql
from tests.support.ports import free_port
from workers.handlers import HANDLERS
from workers.main import Stop, run

PLACES = 2


# That is how arq takes leave of Redis.
@pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")
@pytest.mark.parametrize("blocked", [Job.RUN_OPERATION, Job.SEND_NOTIFICATION_MAILS])
async def test_slow_work_holds_nothing_else_up(
    settings: Settings, resources: Resources, blocked: Job
) -> None:
    others = {job for job in HANDLERS if HANDLING[job].queue != HANDLING[blocked].queue}
    assert {HANDLING[job].queue for job in others} == set(Queue) - {HANDLING[blocked].queue}
    entered, gate, done = asyncio.Semaphore(0), asyncio.Event(), set()

    async def blocking(_resources: Resources, _claim: Claim) -> None:
        entered.release()
        await gate.wait()

    async def quick(_resources: Resources, claim: Claim) -> None:
        done.add(claim.name)

    async def ask(job: Job, count: int) -> None:
        await sql(
            resources.database,
            "INSERT INTO jobs (name, queue, payload, due_at)"
            " SELECT $1, $2, '{}', now() - interval '1 minute' FROM generate_series(1, $3::int)",
            job.value,
            HANDLING[job].queue.value,
            count,
        )

    stop = Stop()
    handlers = dict.fromkeys(HANDLERS, quick) | {blocked: blocking}
    worker = settings.model_copy(update={"worker": WorkerSettings(port=0, max_jobs=PLACES)})
    await ask(blocked, PLACES + 3)
    running = asyncio.create_task(run(worker, stop, schedule=(), handlers=handlers))
    try:
        for _ in range(PLACES):
            await entered.acquire()
        for job in others:
            await ask(job, 1)

        async def all_done() -> bool:
            return done == set(others)

        await pools.until(all_done)
        assert entered.locked(), "no more of a kind at once than it has places"
    finally:
        gate.set()
        stop.ask()
        await running


@pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")
async def test_without_redis_all_queues_say_so_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    log = logging.getLogger("lectern.worker")
    # Only the text: pytest would keep the record, and with it the error, its frames and their tasks.
    monkeypatch.setattr(log, "handle", lambda record: said.append(record.getMessage()))
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: said.append(context["message"]))
    stop = Stop()
    nowhere = RedisSettings(url=f"redis://127.0.0.1:{free_port()}/0")
    changes = {"worker": WorkerSettings(port=0), "redis": nowhere}
    running = asyncio.create_task(run(settings.model_copy(update=changes), stop, schedule=()))

    async def noticed() -> bool:
        return bool(said)

    try:
        await pools.until(noticed)
    finally:
        stop.ask()
        await running
        # A task whose exception nobody has asked for says so when it is collected.
        gc.collect()
        loop.set_exception_handler(None)
    assert [text.partition(":")[0] for text in said] == ["Redis is away, nothing runs until it is back"]
