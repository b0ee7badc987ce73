"""What no worker has heard of is told again; nothing is told too often."""

import asyncio

import pytest

from app.jobs import Job, Queue
from app.outbox import Relay, claim_job, job_id_of
from app.outbox.handover import queue_name
from app.resources import Resources
from app.telemetry import StatementCount, statements
from tests.factories.catalog import run
from tests.support.meeting import Halt, as_far_as_it_comes


@pytest.fixture
def relay(resources: Resources) -> Relay:
    return Relay(resources.database, resources.handover, resources.metrics)


@pytest.fixture(autouse=True)
async def _empty_queue(resources: Resources) -> None:
    await resources.handover._redis.flushall()


async def enqueue(resources: Resources, count: int = 1, age: float = 5, queue: Queue = Queue.QUICK) -> None:
    await run(
        resources.database,
        "INSERT INTO jobs (name, queue, payload, due_at) SELECT $1, $4, '{}', now() - make_interval(secs => $3)"
        " FROM generate_series(1, $2::int)",
        Job.PROBE,
        count,
        age,
        queue,
    )


async def told(resources: Resources, queue: Queue = Queue.QUICK) -> int:
    return int(await resources.handover._redis.zcard(queue_name(queue)))


async def test_what_was_not_heard_is_told_again_once(resources: Resources, relay: Relay) -> None:
    await enqueue(resources, 3)
    assert await relay.repeat() == 3
    assert await relay.repeat() == 0
    assert await told(resources) == 3
    await run(resources.database, "UPDATE jobs SET handed_over_at = handed_over_at - interval '31 seconds'")
    assert await relay.repeat() == 3


async def test_an_emptied_redis_is_told_again_soon(resources: Resources, relay: Relay) -> None:
    await enqueue(resources, 3)
    assert await relay.repeat() == 3
    await run(resources.database, "UPDATE jobs SET handed_over_at = handed_over_at - interval '3 seconds'")
    assert await relay.repeat() == 0, "they are heard of"
    await resources.handover._redis.flushall()
    assert await relay.repeat() == 3


async def test_new_running_and_later_jobs_are_left_alone(resources: Resources, relay: Relay) -> None:
    await enqueue(resources, age=1)
    await enqueue(resources, age=-60)
    await enqueue(resources, age=5)
    (row,) = await run(resources.database, "SELECT id FROM jobs ORDER BY due_at LIMIT 1")
    assert await claim_job(resources.database, row["id"])
    assert await relay.repeat() == 0


async def test_several_relays_share_the_work(crowd: Resources) -> None:
    await enqueue(crowd, 1200)
    relays = [Relay(crowd.database, crowd.handover, crowd.metrics) for _ in range(4)]
    counts = await asyncio.gather(*(relay.repeat() for relay in relays))
    counts += await asyncio.gather(*(relay.repeat() for relay in relays))
    assert sum(counts) == 1200
    assert await told(crowd) == 1200


async def test_the_state_is_measured(resources: Resources, relay: Relay) -> None:
    await enqueue(resources, 2, age=100)
    await relay.measure()
    metrics = resources.metrics
    assert metrics.jobs_waiting.labels(Queue.QUICK)._value.get() == 2
    assert 100 <= metrics.jobs_oldest.labels(Queue.QUICK)._value.get() < 110
    assert metrics.jobs_waiting.labels(Queue.MAIL)._value.get() == 0
    assert metrics.dead_letters._value.get() == 0
    await run(resources.database, "DELETE FROM jobs")
    # Not at once again.
    await relay.measure()
    assert metrics.jobs_waiting.labels(Queue.QUICK)._value.get() == 2
    relay._measured_at = 0.0
    await relay.measure()
    assert metrics.jobs_waiting.labels(Queue.QUICK)._value.get() == 0


async def test_what_redis_did_not_take_is_told_as_soon_as_it_is_back(
    resources: Resources, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def away(*_: object, **__: object) -> None:
        asked.append(1)
        raise ConnectionRefusedError("away")

    await enqueue(resources, 3)
    with monkeypatch.context() as patched:
        patched.setattr(type(resources.handover._redis), "enqueue_job", away)
        assert [await relay.repeat() for _ in range(3)] == [0, 0, 0]
    assert len(asked) == 3
    (row,) = await run(
        resources.database, "SELECT count(handed_over_at) AS written, count(*) AS all FROM jobs"
    )
    assert tuple(row) == (0, 3)
    assert await relay.repeat() == 3
    assert await told(resources) == 3


async def test_without_redis_no_row_is_touched(
    resources: Resources, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionRefusedError("away")

    await enqueue(resources, 3)
    counted = StatementCount()
    statements.set(counted)
    with monkeypatch.context() as patched:
        patched.setattr(type(resources.handover._redis), "pipeline", away)
        assert await relay.repeat() == 0
    assert counted.total == 0
    assert await relay.repeat() == 3


async def test_a_long_queue_is_not_told_twice_and_hides_no_other(
    crowd: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.outbox.relay.LONG", 20)
    monkeypatch.setattr("app.outbox.relay.BATCH", 20)
    relay = Relay(crowd.database, crowd.handover, crowd.metrics)
    await enqueue(crowd, 100, age=50)
    await enqueue(crowd, 3, age=5, queue=Queue.MAIL)
    # The oldest of each; then those of the long queue wait until its workers have come to them.
    assert [await relay.repeat() for _ in range(3)] == [23, 0, 0]
    assert [await told(crowd), await told(crowd, Queue.MAIL)] == [20, 3]
    await crowd.handover._redis.flushall()
    assert await relay.repeat() == 20


async def test_putting_back_waits_for_nobody(crowd: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who ends one of the jobs may be about to ask for another of them."""
    # Whose id is the lower, so that whoever goes through both has the one and waits for the other.
    for key in ("wanted again", "ending"):
        async with crowd.database.transaction() as tx:
            await crowd.outbox.enqueue(tx, Job.PROBE, {}, key=key)
    await run(crowd.database, "UPDATE jobs SET due_at = now() - interval '5 seconds'")
    await crowd.handover._redis.flushall()
    halt = Halt("INSERT INTO jobs")

    async def end() -> None:
        claim = await claim_job(crowd.database, job_id_of(Job.PROBE, "ending"))
        assert claim is not None
        async with claim.finish() as tx:
            halt.stop(tx)
            assert await crowd.outbox.enqueue(tx, Job.PROBE, {}, key="wanted again") is None

    ending: list[asyncio.Task[None]] = []

    async def away(*_: object, **__: object) -> None:
        ending.append(asyncio.create_task(end()))
        await halt.reached_by(ending[0])
        raise ConnectionRefusedError("away")

    monkeypatch.setattr(type(crowd.handover._redis), "enqueue_job", away)
    repeating = asyncio.create_task(Relay(crowd.database, crowd.handover, crowd.metrics).repeat())
    await halt.reached_by(repeating)
    await as_far_as_it_comes(crowd.database, repeating)
    halt.go.set()
    assert await repeating == 0
    await ending[0]
    (row,) = await run(crowd.database, "SELECT id, handed_over_at FROM jobs")
    assert tuple(row) == (job_id_of(Job.PROBE, "wanted again"), None)
