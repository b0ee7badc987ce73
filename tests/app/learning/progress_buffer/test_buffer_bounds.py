"""What one call, one key, one person and all together may cost of Redis."""

import asyncio
from typing import Any

import pytest

from app.learning.progress_buffer import Position, ProgressBuffer, VideoUpdate, Viewing, ViewingUpdate, buffer
from app.learning.progress_buffer.buffer import OVERHEAD, RANGES, READ, VIEWINGS
from app.resources import Resources
from app.settings import ProgressSettings

NOON = 1_764_331_200_000
LARGEST_STATE = 26_000
STATES = "lectern:{progress}:state:*"


def made(resources: Resources, **changes: Any) -> ProgressBuffer:
    return ProgressBuffer(resources.keyvalue, ProgressSettings(**changes), resources.metrics)


def update(video: int, *numbers: int) -> VideoUpdate:
    """A viewing of each number, spelt as long as possible: one range, one seek."""
    position = Position(NOON, 2**31 - 2, 86_399_999)
    return VideoUpdate(video, position, [_viewing(number) for number in numbers])


def _viewing(number: int) -> ViewingUpdate:
    start, sequence = 80_000_000 + 2000 * number, 2**31 - 1000 + 2 * number
    known = Viewing("television", NOON, NOON, [start, start + 1999], [sequence, sequence + 1])
    return ViewingUpdate(f"{number:036}", known, (sequence, NOON), (sequence, NOON), 1999)


async def fill(buffer: ProgressBuffer, user: int, *videos: int) -> None:
    for video in videos:
        for first in range(0, VIEWINGS, 100):
            found = await buffer.merge(user, [update(video, *range(first, first + 100))])
            assert not found.full


async def sizes(resources: Resources) -> list[int]:
    redis = resources.keyvalue._redis
    return [await redis.strlen(key) async for key in redis.scan_iter(STATES)]


async def test_a_call_reads_so_much_and_leaves_the_rest_for_the_next(resources: Resources) -> None:
    buffer = made(resources)
    await fill(buffer, 1, *range(1, 9))
    several = [update(video, 0) for video in range(1, 9)]
    # What was read last may go beyond.
    within = -(-READ // max(await sizes(resources)))
    assert within < 8
    found = await buffer.merge(1, several)
    assert found.full == set(range(within, 8))
    assert not (await buffer.merge(1, several[within:])).full
    # A key that has no room for what comes costs as much.
    found = await buffer.merge(1, [update(video, VIEWINGS) for video in range(1, 9)] + [update(9, 0)])
    assert found.full == set(range(9))
    assert await buffer.peek([(1, 9)]) == {}


async def test_of_usual_states_a_call_may_name_a_hundred(resources: Resources) -> None:
    buffer = made(resources)
    for number in range(3):
        assert not (await buffer.merge(1, [update(video, number) for video in range(100)])).full
    assert 100 * max(await sizes(resources)) < READ


async def test_what_is_taken_at_once_is_bounded_too(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffer, "TAKE", 2 * LARGEST_STATE)
    several = made(resources)
    await fill(several, 1, 1, 2, 3, 4)
    batches = [[each.size for each in (await several.take(100, lease=30))[1]] for _ in range(3)]
    assert list(map(len, batches)) == [3, 1, 0]
    assert {size for batch in batches for size in batch} == set(await sizes(resources))


async def test_a_key_and_a_person_take_so_much_memory_at_most(resources: Resources) -> None:
    buffer, redis = made(resources), resources.keyvalue._redis
    assert RANGES == 2 * VIEWINGS
    await fill(buffer, 2**53, 2**53)
    (size,) = await sizes(resources)
    assert 24_000 < size < LARGEST_STATE
    (key,) = [key async for key in redis.scan_iter(STATES)]
    assert await redis.memory_usage(key) < 1.3 * size + OVERHEAD
    (latest,) = [key async for key in redis.scan_iter("lectern:{progress}:latest:*")]
    memory = [await redis.memory_usage(latest)]
    for video in range(10):
        await buffer.merge(2**53, [update(2**53 + video + 1, *range(50))])
        memory.append(await redis.memory_usage(latest))
    assert 20_000 < max(memory) < 50_000


async def test_all_together_take_so_many_bytes(resources: Resources) -> None:
    limit = 6 * LARGEST_STATE
    buffer, redis = made(resources, buffer_bytes=limit), resources.keyvalue._redis
    refused = set()
    for user in range(1, 9):
        for first in range(0, VIEWINGS, 50):
            found = await buffer.merge(user, [update(1, *range(first, first + 50))])
            refused |= {user} if found.full else set()
    used = await sizes(resources)
    assert refused == {7, 8}
    assert sum(used) + len(used) * OVERHEAD <= limit < sum(used) + LARGEST_STATE
    assert (await buffer.measure())[::2] == (len(used), sum(used))
    memory = [await redis.memory_usage(key) async for key in redis.scan_iter(STATES)]
    assert sum(memory) < 1.3 * limit
    # Again, or later in the same viewing, is no more than is there.
    assert not (await buffer.merge(1, [update(1, 0)])).full
    assert 0.9 < (await buffer.merge(9, [update(1, 0)])).filled <= 1
    moment, taken = await buffer.take(2, lease=30)
    assert await buffer.settle(taken, moment) == 2
    assert not (await buffer.merge(9, [update(1, *range(100))])).full
    moment, taken = await buffer.take(100, lease=0)
    moment, taken = await buffer.take(100, lease=30)
    await buffer.settle(taken, moment)
    assert await redis.get("lectern:{progress}:bytes") == str(sum(await sizes(resources))).encode()


async def test_a_sum_that_is_wrong_is_put_right(resources: Resources) -> None:
    buffer, redis = made(resources), resources.keyvalue._redis
    await buffer.merge(1, [update(1, 0)])
    await redis.set("lectern:{progress}:bytes", 10**12)
    assert (await buffer.merge(1, [update(2, 0)])).full == {0}
    assert (await buffer.measure()).bytes == sum(await sizes(resources))
    assert not (await buffer.merge(1, [update(2, 0)])).full
    # Written before there was a sum.
    await redis.delete("lectern:{progress}:bytes")
    moment, taken = await buffer.take(9, lease=30)
    assert await buffer.settle(taken, moment) == 2
    assert await redis.get("lectern:{progress}:bytes") == b"0"


async def test_a_person_has_a_budget_that_grows_again(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffer, "BUDGET", 250)
    one, several = made(resources), made(resources)
    # Each process asks the same Redis. That too many viewings are forgotten gives nothing back.
    assert not (await one.merge(1, [update(1, *range(100))])).over
    assert not (await several.merge(1, [update(2, *range(100))])).over
    found = await one.merge(1, [update(3, *range(51))])
    assert (found.over, found.full) == (True, frozenset())
    assert await one.peek([(1, 3)]) == {}
    # What was too much has cost nothing; others have their own.
    assert not (await one.merge(1, [update(3, *range(50))])).over
    assert (await one.merge(1, [update(3, 50)])).over
    # What was begun may go on.
    for _ in range(10):
        assert not (await one.merge(1, [update(3, *range(50))])).over
    assert not (await one.merge(2, [update(3, *range(100))])).over
    monkeypatch.setattr(buffer, "PRICE", 1)
    quick = made(resources)
    redis = resources.keyvalue._redis
    await redis.delete("lectern:{progress}:latest:1")
    for video in (4, 5):
        assert not (await quick.merge(1, [update(video, *range(100))])).over
    while (await quick.merge(1, [update(6, *range(100))])).over:  # noqa: ASYNC110 - Redis's clock
        await asyncio.sleep(0.005)
