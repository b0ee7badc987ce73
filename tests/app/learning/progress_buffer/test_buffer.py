"""The buffer on a real Valkey: merged in any order, taken and settled by several, bounded."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from app.errors import Unavailable
from app.keyvalue import KeyValue
from app.learning.progress_buffer import (
    Position,
    ProgressBuffer,
    ProgressState,
    VideoUpdate,
    Viewing,
    ViewingUpdate,
)
from app.learning.progress_buffer.buffer import RANGES, VIEWINGS
from app.resources import Resources
from app.settings import ProgressSettings

NOON = 1_764_331_200_000


@pytest.fixture
def buffer(resources: Resources) -> ProgressBuffer:
    return ProgressBuffer(resources.keyvalue, ProgressSettings(), resources.metrics)


def viewing(
    key: str = "v",
    *,
    at: int = 0,
    watched: Sequence[int] = (),
    seeks: Sequence[int] = (),
    sequence: int = 0,
    last: int | None = None,
    length: int = 0,
    device: str = "desktop",
) -> ViewingUpdate:
    last = sequence if last is None else last
    known = Viewing(device, NOON + at, NOON + at, list(watched), list(seeks))
    return ViewingUpdate(key, known, (sequence, NOON + at), (last, NOON + at), length)


def update(video: int, *viewings: ViewingUpdate, position: tuple[int, int, int] = (0, 0, 0)) -> VideoUpdate:
    at, sequence, where = position
    return VideoUpdate(video, Position(NOON + at, sequence, where), list(viewings))


async def state(buffer: ProgressBuffer, user: int = 1, video: int = 1) -> ProgressState:
    return (await buffer.peek([(user, video)]))[user, video]


async def test_what_is_merged_is_seen(buffer: ProgressBuffer) -> None:
    await buffer.merge(1, [update(1, viewing(watched=[0, 30_000], seeks=[4, 5]), position=(5, 4, 30_000))])
    assert await state(buffer) == ProgressState(
        Position(NOON + 5, 4, 30_000), {"v": Viewing("desktop", NOON, NOON, [0, 30_000], [4, 5])}
    )
    assert await buffer.peek([(1, 2), (2, 1)]) == {}


async def test_ranges_unite(buffer: ProgressBuffer) -> None:
    for watched in ([0, 10], [20, 30], [5, 8], [30, 40], [10, 15], [50, 60, 70, 80], [55, 75]):
        await buffer.merge(1, [update(1, viewing(watched=watched))])
    assert (await state(buffer)).watched == [0, 15, 20, 40, 50, 80]


async def test_a_late_packet_of_a_second_device_does_not_rewind(buffer: ProgressBuffer) -> None:
    await buffer.merge(1, [update(1, viewing("phone", at=60_000), position=(60_000, 7, 50_000))])
    await buffer.merge(1, [update(1, viewing("desk", at=10_000), position=(10_000, 90, 10_000))])
    held = await state(buffer)
    assert held.position == (NOON + 60_000, 7, 50_000)
    assert set(held.viewings) == {"phone", "desk"}


async def test_taken_and_settled(buffer: ProgressBuffer) -> None:
    for video in range(1, 6):
        await buffer.merge(1, [update(video, viewing(watched=[0, video]))])
    moment, taken = await buffer.take(3, lease=30)
    assert [each.pair for each in taken] == [(1, 1), (1, 2), (1, 3)]
    assert taken[2].state.watched == [0, 3]
    assert taken[0].since <= taken[2].since <= moment <= time.time() * 1000 + 1000
    # Others get what is left, nobody what is on lease.
    assert [each.pair for each in (await buffer.take(10, lease=30))[1]] == [(1, 4), (1, 5)]
    assert (await buffer.take(10, lease=30))[1] == []
    assert await buffer.settle(taken, moment) == 3
    assert (await buffer.measure())[0] == 2
    assert await buffer.peek([(1, 3)]) == {}


async def test_what_comes_between_taking_and_settling_stays(buffer: ProgressBuffer) -> None:
    await buffer.merge(1, [update(1, viewing(watched=[0, 10]))])
    moment, taken = await buffer.take(10, lease=30)
    await buffer.merge(1, [update(1, viewing(watched=[20, 30]))])
    assert await buffer.settle(taken, moment) == 0
    assert (await state(buffer)).watched == [0, 10, 20, 30]
    later, again = await buffer.take(10, lease=30)
    assert (again[0].since, again[0].state.watched) == (moment, [0, 10, 20, 30])
    assert await buffer.settle(again, later) == 1
    assert await buffer.measure() == (0, 0.0, 0)


async def test_a_settled_key_that_came_again_is_not_settled_by_the_slow(buffer: ProgressBuffer) -> None:
    """Its version is another's, also when it has been there for as many calls as the first."""
    await buffer.merge(1, [update(1, viewing(watched=[0, 10]))])
    moment, slow = await buffer.take(10, lease=0)
    _, other = await buffer.take(10, lease=30)
    assert await buffer.settle(other, moment) == 1
    await buffer.merge(1, [update(1, viewing(watched=[20, 30]))])
    assert await buffer.settle(slow, moment) == 0
    assert (await state(buffer)).watched == [20, 30]


async def test_a_lease_ends(buffer: ProgressBuffer) -> None:
    await buffer.merge(1, [update(1, viewing())])
    assert len((await buffer.take(10, lease=0.05))[1]) == 1
    while not (found := (await buffer.take(10, lease=30))[1]):  # noqa: ASYNC110 - Redis's clock
        await asyncio.sleep(0.01)
    assert found[0].pair == (1, 1)
    await buffer.release(found)
    assert len((await buffer.take(10, lease=30))[1]) == 1
    await buffer.release(found, after=60)
    assert (await buffer.take(10, lease=30))[1] == []


async def test_a_range_longer_than_the_time_since_the_beat_before(buffer: ProgressBuffer) -> None:
    await buffer.merge(1, [update(1, viewing(at=0, sequence=1))])
    found = await buffer.merge(
        1, [update(1, viewing(at=10_000, sequence=2, length=50_001, watched=[0, 50_001]))]
    )
    assert found.implausible == {0: (1, NOON, 1, NOON)}
    assert (await state(buffer)).watched == []
    exact = update(1, viewing(at=10_000, sequence=2, length=50_000, watched=[0, 50_000]))
    assert not (await buffer.merge(1, [exact])).implausible
    # Again, late, from before the first, or with a clock that was put back: nothing to measure by, so nothing is refused.
    assert not (await buffer.merge(1, [exact])).implausible
    for late in (
        viewing(at=-90_000, sequence=0, length=300_000),
        viewing(at=-60_000, sequence=9, length=300_000),
    ):
        assert not (await buffer.merge(1, [update(1, late)])).implausible
    assert not (await buffer.merge(1, [update(2, viewing(sequence=5, length=400_000))])).implausible


async def test_a_key_takes_so_much_and_is_taken_first_from_half_of_it_on(buffer: ProgressBuffer) -> None:
    await buffer.merge(1, [update(7, viewing())])
    for call in range(RANGES // 100):
        ranges = [edge for i in range(100) for edge in ((call * 100 + i) * 10, (call * 100 + i) * 10 + 5)]
        assert not (await buffer.merge(1, [update(1, viewing(watched=ranges))])).full
    found = await buffer.merge(1, [update(2, viewing()), update(1, viewing(watched=[9000, 9005]))])
    assert found.full == {1}
    assert (await state(buffer)).watched[-1] == RANGES * 10 - 5
    assert (await buffer.take(1, lease=30))[1][0].pair == (1, 1)
    # What is covered by others is no range of its own: there is room again.
    assert not (await buffer.merge(1, [update(1, viewing(watched=[0, 5000]))])).full
    for call in range(VIEWINGS // 100):
        many = [viewing(f"{call}-{i}") for i in range(100)]
        assert not (await buffer.merge(2, [update(1, *many)])).full
    assert (await buffer.merge(2, [update(1, viewing("one more"))])).full == {0}


async def test_the_buffer_takes_so_many_keys(resources: Resources) -> None:
    small = ProgressBuffer(resources.keyvalue, ProgressSettings(buffer_limit=2), resources.metrics)
    found = await small.merge(1, [update(video, viewing()) for video in (1, 2, 3)])
    assert (set(found.full), found.filled) == ({2}, 1.0)
    assert not (await small.merge(1, [update(2, viewing("other"))])).full


async def test_redis_away(resources: Resources) -> None:
    nowhere = resources.settings.redis.model_copy(update={"url": "redis://127.0.0.1:1/0"})
    keyvalue = KeyValue(nowhere)
    buffer = ProgressBuffer(keyvalue, ProgressSettings(), resources.metrics)
    for call in (buffer.merge(1, []), buffer.peek([(1, 1)]), buffer.measure(), buffer.take(1, lease=1)):
        with pytest.raises(Unavailable):
            await call
    await keyvalue.close()


async def test_a_redis_without_room_takes_nothing_and_can_be_emptied(resources: Resources) -> None:
    buffer = ProgressBuffer(resources.keyvalue, ProgressSettings(), resources.metrics)
    for video in (1, 2, 3):
        await buffer.merge(1, [update(video, viewing(watched=[0, 10]))])
    redis = resources.keyvalue._redis
    moment, changed = await buffer.take(1, lease=30)
    await buffer.merge(1, [update(1, viewing(watched=[10, 20]))])
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(Unavailable):
            await buffer.merge(1, [update(4, viewing()), update(5, viewing())])
        assert await buffer.settle(changed, moment) == 0
        await buffer.release(changed)
        later, taken = await buffer.take(10, lease=30)
        assert len(taken) == 3
        assert await buffer.settle(taken, later) == 3
    finally:
        await redis.config_set("maxmemory", 0)
    assert await buffer.measure() == (0, 0.0, 0)
