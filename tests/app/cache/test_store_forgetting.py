"""What was changed is not shown: races between computing and forgetting, lost messages, an emptied Redis."""

import asyncio

import pytest
from redis.asyncio import Redis

from app.cache import PUBLIC, Cache
from app.errors import Unavailable
from tests.app.cache.caching import NUMBERS, UNSETTLED, Truth, opened, requests
from tests.support.valkey import FragileValkey

ENTRY = NUMBERS.entry(PUBLIC, 1)


async def one(cache: Cache, truth: Truth) -> int:
    found: dict[int, int] = await cache.get_many(NUMBERS, PUBLIC, [1], truth.compute)
    return found[1]


async def seen_later(cache: Cache, truth: Truth) -> int:
    """As of a process that has not itself changed anything."""
    cache._unsettled._own.clear()
    return await one(cache, truth)


async def test_forgotten_for_everybody(cache: Cache, neighbour: Cache, truth: Truth) -> None:
    truth.values[1] = 1
    assert [await one(port, truth) for port in (cache, neighbour)] == [1, 1]
    truth.values[1] = 2
    await cache.forget([ENTRY])
    assert [await one(port, truth) for port in (neighbour, cache)] == [2, 2]
    assert await seen_later(cache, truth) == 2
    assert truth.asked == [[1]] * 3, "computed again by the neighbour, by the distrusting one, then found"


@pytest.mark.parametrize("forgets", ["the same process", "another", "a job"])
async def test_a_slow_reader_does_not_put_the_old_value_back(
    cache: Cache, neighbour: Cache, truth: Truth, forgets: str
) -> None:
    truth.values[1] = 1
    truth.gate.clear()
    slow = asyncio.create_task(one(cache, truth))
    await truth.entered.wait()
    # It has read the old value. Now the change is committed, and told.
    truth.values[1] = 2
    if forgets == "a job":
        await neighbour.settle([ENTRY])
    else:
        await (cache if forgets == "the same process" else neighbour).forget([ENTRY])
    truth.gate.set()
    assert await slow == 1, "its reader began before the change"
    assert [await seen_later(port, truth) for port in (cache, neighbour)] == [2, 2]


async def test_nor_over_a_newer_one(cache: Cache, neighbour: Cache, truth: Truth) -> None:
    truth.values[1] = 1
    truth.gate.clear()
    slow = asyncio.create_task(one(cache, truth))
    await truth.entered.wait()
    await neighbour.settle([ENTRY])
    newer = Truth({1: 2})
    assert await one(neighbour, newer) == 2
    truth.gate.set()
    await slow
    assert [await seen_later(port, newer) for port in (neighbour, cache)] == [2, 2]


async def test_after_a_change_nobody_joins_what_began_before_it(cache: Cache, truth: Truth) -> None:
    truth.values[1] = 1
    truth.gate.clear()
    slow = asyncio.create_task(one(cache, truth))
    await truth.entered.wait()
    truth.values[1] = 2
    await cache.forget([ENTRY])
    after = asyncio.create_task(one(cache, truth))
    await asyncio.sleep(0)
    truth.gate.set()
    assert [await slow, await after] == [1, 2]


async def test_redis_emptied_while_computing(cache: Cache, redis: Redis, truth: Truth) -> None:
    truth.values[1] = 1
    truth.gate.clear()
    slow = asyncio.create_task(one(cache, truth))
    await truth.entered.wait()
    truth.values[1] = 2
    await cache.settle([ENTRY])
    await redis.flushall()
    truth.gate.set()
    assert await slow == 1
    assert await one(cache, truth) == 2


async def test_redis_emptied_between_reads(cache: Cache, redis: Redis, truth: Truth) -> None:
    truth.values[1] = 1
    assert await one(cache, truth) == 1
    truth.values[1] = 2
    await redis.flushall()
    assert await one(cache, truth) == 2


async def test_a_value_without_its_generation_does_not_count(
    cache: Cache, redis: Redis, truth: Truth
) -> None:
    truth.values[1] = 1
    await one(cache, truth)
    assert await redis.delete(f"lectern:cache:generation:{ENTRY}") == 1
    truth.values[1] = 2
    assert await one(cache, truth) == 2


async def test_what_postgresql_calls_unsettled_is_not_read(
    cache: Cache, neighbour: Cache, truth: Truth
) -> None:
    """The delete was lost, and Redis answers with the old value: nobody shows it."""
    truth.values = {1: 1, 2: 1}
    for port in (cache, neighbour):
        await port.get_many(NUMBERS, PUBLIC, [1, 2], truth.compute)
    truth.values = {1: 2, 2: 2}
    UNSETTLED.add(ENTRY)
    for port in (cache, neighbour):
        port._unsettled._read_at = None  # a second goes by
        assert await port.get_many(NUMBERS, PUBLIC, [1, 2], truth.compute) == {1: 2, 2: 1}
    assert requests(cache, NUMBERS) == {"miss": 2, "unsettled": 1, "hit": 1}
    await cache.settle([ENTRY])
    UNSETTLED.clear()
    neighbour._unsettled._read_at = None
    truth.values[1] = 3
    assert await one(neighbour, truth) == 3


async def test_a_process_that_could_not_say_it_distrusts_redis(
    cache: Cache, truth: Truth, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    truth.values[1] = 1
    assert await one(cache, truth) == 1
    truth.values[1] = 2

    async def lost(_entries: object) -> None:
        raise Unavailable("the message was lost")

    monkeypatch.setattr(cache._store, "forget", lost)
    await cache.forget([ENTRY])
    assert await one(cache, truth) == 2
    assert "a job repeats it" in caplog.text
    assert await seen_later(cache, truth) == 1, "Redis has it still: the list in PostgreSQL must say so"


async def test_settling_says_when_it_could_not(valkey: FragileValkey) -> None:
    async with opened(valkey.url, timeout=0.5) as cache:
        valkey.kill()
        with pytest.raises(Unavailable):
            await cache.settle([ENTRY])
        await cache.settle([])
