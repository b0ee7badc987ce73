"""A job is asked for with its transaction, or not at all; workers hear of it after the commit."""

import asyncio
from datetime import timedelta

import pytest

from app.jobs import CONSUMERS, HANDLING, Event, Job, Queue
from app.outbox import job_id_of
from app.outbox.handover import queue_name
from app.resources import Resources
from tests.factories.catalog import run


async def waiting(resources: Resources) -> list[int]:
    rows = await run(resources.database, "SELECT payload FROM jobs ORDER BY created_at, id")
    return [row["payload"]["n"] for row in rows]


async def told(resources: Resources) -> int:
    return int(await resources.handover._redis.zcard(queue_name(Queue.QUICK)))


@pytest.fixture(autouse=True)
async def _empty_queue(resources: Resources) -> None:
    await resources.handover._redis.flushall()


async def enqueue(resources: Resources, number: int, key: str | None = None, **options: timedelta) -> bool:
    async with resources.database.transaction() as tx:
        made = await resources.outbox.enqueue(tx, Job.PROBE, {"n": number}, key=key, **options)
        assert await told(resources) == 0
    return made is not None


async def test_a_committed_job_waits_and_workers_are_told(resources: Resources) -> None:
    assert await enqueue(resources, 1)
    assert await waiting(resources) == [1]
    assert await told(resources) == 1


async def test_a_rolled_back_job_is_none(resources: Resources) -> None:
    async def fails() -> None:
        async with resources.database.transaction() as tx:
            await resources.outbox.enqueue(tx, Job.PROBE, {"n": 1})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert await waiting(resources) == []
    assert await told(resources) == 0


async def test_many_are_asked_for_in_one_statement_each_key_once(resources: Resources) -> None:
    assert await enqueue(resources, 1, key="1")
    async with resources.database.transaction() as tx:
        ids = await resources.outbox.enqueue_many(tx, Job.PROBE, [(str(n), {"n": n}) for n in (1, 2, 3)])
        assert await resources.outbox.enqueue_many(tx, Job.PROBE, []) == []
    assert set(ids) == {job_id_of(Job.PROBE, "2"), job_id_of(Job.PROBE, "3")}
    assert sorted(await waiting(resources)) == [1, 2, 3]
    assert await told(resources) == 3


async def test_a_job_of_one_key_waits_once(crowd: Resources) -> None:
    results = await asyncio.gather(*(enqueue_quietly(crowd, n) for n in range(20)))
    assert sorted(results) == [False] * 19 + [True]
    (row,) = await run(crowd.database, "SELECT id FROM jobs")
    assert row["id"] == job_id_of(Job.PROBE, "one")


async def enqueue_quietly(resources: Resources, number: int) -> bool:
    async with resources.database.transaction() as tx:
        return await resources.outbox.enqueue(tx, Job.PROBE, {"n": number}, key="one") is not None


async def test_a_later_job_is_not_told_now(resources: Resources) -> None:
    await enqueue(resources, 1, delay=timedelta(hours=1))
    assert await waiting(resources) == [1]
    assert await told(resources) == 0


async def test_without_redis_the_job_waits_all_the_same(
    resources: Resources, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise ConnectionRefusedError("away")

    monkeypatch.setattr(type(resources.handover._redis), "enqueue_job", away)
    async with resources.database.transaction() as tx:
        await resources.outbox.enqueue(tx, Job.PROBE, {"n": 1})
    assert await waiting(resources) == [1]
    assert "wait for the relay" in caplog.text


async def announce(resources: Resources, key: str, number: int = 0) -> None:
    async with resources.database.transaction() as tx:
        await resources.outbox.announce(tx, Event.PROBED, {"n": number}, key=key)


async def test_an_event_reaches_each_consumer_once_while_it_waits(resources: Resources) -> None:
    await announce(resources, "a", 1)
    await announce(resources, "a", 2)
    await announce(resources, "b", 3)
    assert await waiting(resources) == [1, 3]
    assert await told(resources) == 2


async def test_every_event_has_consumers_with_handling() -> None:
    assert CONSUMERS.keys() == set(Event)
    assert {job for jobs in CONSUMERS.values() for job in jobs} <= HANDLING.keys() == set(Job)
