"""What a flusher tells of the buffer and of itself."""

import asyncio
import time

import pytest

from app.learning.progress_buffer import ProgressBuffer, buffer
from app.learning.progress_buffer.buffer import RANGES
from app.resources import Resources
from tests.factories.catalog import run
from tests.support.watching import Watching, beat, make_watching
from workers import learning
from workers.learning import Flusher

KEYS = "lectern_progress_buffer_keys"
AGE = "lectern_progress_buffer_oldest_seconds"
BYTES = "lectern_progress_buffer_bytes"
FLUSHES = "lectern_progress_flush_seconds_count"
LONG = 0.05
"""Seconds that something has waited which is old here."""


@pytest.fixture
async def watching(resources: Resources) -> Watching:
    return await make_watching(resources.database, videos=3)


async def report(resources: Resources, watching: Watching, *videos: int, beats: int = 1) -> None:
    """So many beats of each, apart from each other."""
    now, learner = time.time(), watching.learner.number
    for video in videos:
        for first in range(0, beats, 100):
            several = range(first, min(first + 100, beats))
            sent = [beat(watching.videos[video], n, n + 0.5, at=now - 900 + n, sequence=n) for n in several]
            assert (await resources.progress_recorder.record(learner, sent)).rejected == []


async def grown_old(buffer: ProgressBuffer) -> None:
    while (await buffer.measure()).oldest < LONG:  # noqa: ASYNC110 - Redis's clock
        await asyncio.sleep(0.01)


def value(resources: Resources, series: str) -> float:
    return resources.metrics.registry.get_sample_value(series) or 0.0


async def test_each_transaction_of_a_flush_is_timed(resources: Resources, watching: Watching) -> None:
    before = value(resources, FLUSHES)
    await report(resources, watching, 0)
    await Flusher(resources).flush()
    assert value(resources, FLUSHES) == before + 1
    await Flusher(resources).flush()
    assert value(resources, FLUSHES) == before + 1


async def test_how_many_wait_and_how_large_they_are(resources: Resources, watching: Watching) -> None:
    flusher, redis = Flusher(resources), resources.keyvalue._redis
    await report(resources, watching, 0, 1)
    await flusher.measure()
    sizes = [await redis.strlen(key) async for key in redis.scan_iter("lectern:{progress}:state:*")]
    assert (value(resources, KEYS), value(resources, BYTES)) == (2, sum(sizes))
    await flusher.flush()
    await flusher.measure()
    assert (value(resources, KEYS), value(resources, BYTES)) == (0, 0)


async def test_for_how_long_the_oldest_waits(resources: Resources, watching: Watching) -> None:
    flusher, buffer = Flusher(resources), resources.progress_buffer
    await report(resources, watching, 0)
    await grown_old(buffer)
    await report(resources, watching, 1)
    await flusher.measure()
    assert value(resources, AGE) >= LONG
    # Also while somebody has it, and afterwards.
    moment, taken = await buffer.take(10, lease=30)
    await flusher.measure()
    assert value(resources, AGE) >= LONG
    await buffer.release(taken, after=10)
    await flusher.measure()
    assert value(resources, AGE) >= LONG
    await buffer.settle(taken[:1], moment)
    assert (await buffer.measure()).keys == 1
    await buffer.settle(taken, moment)
    await flusher.measure()
    assert value(resources, AGE) == 0


async def test_what_is_taken_before_all_others_hides_no_older_one(
    resources: Resources, watching: Watching
) -> None:
    buffer = resources.progress_buffer
    await report(resources, watching, 0)
    await grown_old(buffer)
    await report(resources, watching, 1, beats=RANGES // 2 + 100)
    await Flusher(resources).measure()
    assert value(resources, AGE) >= LONG
    moment, taken = await buffer.take(1, lease=30)
    assert [each.pair[1] for each in taken] == [watching.videos[1]]
    await buffer.settle(taken, moment)
    # And of several the oldest comes first, and is measured.
    await report(resources, watching, 2, beats=RANGES // 2 + 100)
    await report(resources, watching, 1, beats=RANGES // 2 + 100)
    moment, taken = await buffer.take(2, lease=30)
    assert [each.pair[1] for each in taken] == watching.videos[:0:-1]
    await buffer.settle(taken, moment)
    assert (await buffer.measure()).oldest >= LONG


async def test_of_many_on_lease_the_oldest_is_measured(resources: Resources) -> None:
    watching, buffer = await make_watching(resources.database, videos=30), resources.progress_buffer
    await report(resources, watching, *range(30))
    # By its name the last.
    member = max(f"{watching.learner.number}:{video}" for video in watching.videos)
    hour_ago = round((time.time() - 3600) * 1000)
    await resources.keyvalue._redis.setrange(f"lectern:{{progress}}:state:{member}", 16, str(hour_ago))
    assert len((await buffer.take(100, lease=30))[1]) == 30
    assert (await buffer.measure()).oldest > 3500


async def test_a_batch_of_fewer_bytes_is_not_the_last(
    resources: Resources, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffer, "TAKE", 1)
    monkeypatch.setattr(learning, "TAKE", 1)
    await report(resources, watching, 0, 1, 2)
    await Flusher(resources).flush()
    assert (await resources.progress_buffer.measure()).keys == 0


async def test_what_postgresql_refuses_waits_apart(resources: Resources, watching: Watching) -> None:
    flusher, buffer, bad = Flusher(resources), resources.progress_buffer, watching.videos[0]
    await report(resources, watching, 0)
    await grown_old(buffer)
    await run(
        resources.database,
        f"ALTER TABLE video_progress ADD CONSTRAINT no_such CHECK (video_id <> {bad}) NOT VALID",
    )
    try:
        await flusher.flush()
        await flusher.measure()
        assert (value(resources, KEYS), value(resources, AGE)) == (1, 0)
        # More of it, even half of what it may hold, makes it no ordinary one.
        await report(resources, watching, 0, beats=RANGES // 2 + 100)
        assert (await buffer.take(10, lease=30))[1] == []
        # Others beside it are measured.
        await report(resources, watching, 1)
        while (await buffer.measure()).oldest == 0:  # noqa: ASYNC110 - Redis's clock
            await asyncio.sleep(0.001)
        await flusher.flush()
        # Due, taken and given back it stays apart.
        await _make_due(resources, watching.learner.number, bad)
        _, taken = await buffer.take(10, lease=30)
        assert [each.pair[1] for each in taken] == [bad]
        assert (await buffer.measure())[:2] == (1, 0)
        await buffer.release(taken)
        assert (await buffer.measure())[:2] == (1, 0)
    finally:
        await run(resources.database, "ALTER TABLE video_progress DROP CONSTRAINT no_such")
    await asyncio.sleep(0.002)
    await flusher.flush()
    await flusher.measure()
    assert (value(resources, KEYS), value(resources, AGE)) == (0, 0)


async def _make_due(resources: Resources, user: int, video: int) -> None:
    redis, queue, member = resources.keyvalue._redis, "lectern:{progress}:queue", f"{user}:{video}"
    assert await redis.zscore(queue, member) > 1e13 + (time.time() + 3000) * 1000
    await redis.zadd(queue, {member: 1e13})
