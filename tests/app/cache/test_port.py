"""Get or compute: values there and back, one compute for all who ask, batches in one round trip."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from app.cache import PUBLIC, Cache, CacheSpec, OfViewer, Public
from app.errors import Unavailable
from tests.app.cache.caching import MINE, NUMBERS, THINGS, Truth, opened, requests, thing, total


async def commands(redis: Redis) -> dict[str, int]:
    """How often each command has been carried out."""
    found = await redis.info("commandstats")
    return {name.removeprefix("cmdstat_"): values["calls"] for name, values in found.items()}


async def test_values_come_back_with_their_types(cache: Cache, truth: Truth) -> None:
    truth.values = {1: thing(1), 2: thing(2, day=None, tags=[], parts=[])}
    cold = await cache.get_many(THINGS, PUBLIC, [1, 2], truth.compute)
    warm = await cache.get_many(THINGS, PUBLIC, [1, 2], truth.compute)
    assert cold == warm == truth.values
    assert [
        {name: type(value) for name, value in values[1].items() if name != "made_at"}
        for values in (cold, warm)
    ] == [{name: type(value) for name, value in thing(1).items() if name != "made_at"}] * 2
    assert warm[1]["made_at"].utcoffset() == cold[1]["made_at"].utcoffset()
    assert truth.asked == [[1, 2]]


async def test_what_does_not_exist_is_left_out_and_asked_for_again(cache: Cache, truth: Truth) -> None:
    truth.values = {1: 10}
    for _ in range(2):
        assert await cache.get_many(NUMBERS, PUBLIC, [1, 2], truth.compute) == {1: 10}
    truth.values[2] = 20
    assert await cache.get_many(NUMBERS, PUBLIC, [1, 2], truth.compute) == {1: 10, 2: 20}
    assert truth.asked == [[1, 2], [2], [2]]


async def test_a_hundred_at_once_are_one_compute(cache: Cache, truth: Truth) -> None:
    truth.values = {number: -number for number in range(10)}
    truth.gate.clear()
    readers = [
        asyncio.create_task(cache.get_many(NUMBERS, PUBLIC, range(10), truth.compute)) for _ in range(100)
    ]
    await truth.entered.wait()
    truth.gate.set()
    assert await asyncio.gather(*readers) == [truth.values] * 100
    assert truth.asked == [list(range(10))]
    assert requests(cache, NUMBERS) == {"miss": 10, "joined": 990}


async def test_overlapping_batches_compute_each_entry_once(cache: Cache, truth: Truth) -> None:
    truth.values = {number: -number for number in range(20)}
    truth.gate.clear()
    readers = [
        asyncio.create_task(cache.get_many(NUMBERS, PUBLIC, range(start, start + 10), truth.compute))
        for start in range(11)
    ]
    await truth.entered.wait()
    truth.gate.set()
    assert await asyncio.gather(*readers) == [
        {number: -number for number in range(start, start + 10)} for start in range(11)
    ]
    assert sorted(number for asked in truth.asked for number in asked) == list(range(20))


async def test_processes_share_one_compute(
    cache: Cache, neighbour: Cache, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cache.flight.PATIENCE", 30.0)
    lease, leased = neighbour._store.lease, asyncio.Event()

    async def lease_and_tell(*arguments: Any) -> Any:
        answer = await lease(*arguments)
        leased.set()
        return answer

    monkeypatch.setattr(neighbour._store, "lease", lease_and_tell)
    truth.values = {1: 10, 2: 20}
    truth.gate.clear()
    first = asyncio.create_task(cache.get_many(NUMBERS, PUBLIC, [1, 2], truth.compute))
    await truth.entered.wait()
    second = asyncio.create_task(neighbour.get_many(NUMBERS, PUBLIC, [1, 2], truth.compute))
    await leased.wait()
    truth.gate.set()
    assert [await first, await second] == [truth.values] * 2
    assert truth.asked == [[1, 2]]
    assert requests(neighbour, NUMBERS) == {"awaited": 2}


async def test_who_dies_while_computing_holds_nobody_up(cache: Cache, neighbour: Cache, truth: Truth) -> None:
    truth.values = {1: 10}
    dying = Truth({1: 10})
    dying.gate.clear()
    first = asyncio.create_task(cache.get_many(NUMBERS, PUBLIC, [1], dying.compute))
    await dying.entered.wait()
    assert await neighbour.get_many(NUMBERS, PUBLIC, [1], truth.compute) == {1: 10}
    assert requests(neighbour, NUMBERS) == {"miss": 1}
    dying.gate.set()
    assert await first == {1: 10}


async def test_a_reader_that_is_cancelled_takes_nobody_with_it(cache: Cache, truth: Truth) -> None:
    truth.values = {1: 10}
    truth.gate.clear()
    first = asyncio.create_task(cache.get_many(NUMBERS, PUBLIC, [1], truth.compute))
    await truth.entered.wait()
    second = asyncio.create_task(cache.get_many(NUMBERS, PUBLIC, [1], truth.compute))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    assert first.cancelled()
    truth.gate.set()
    assert await second == {1: 10}
    assert truth.asked == [[1]]


async def test_what_computing_raises_is_raised_and_not_kept(cache: Cache, truth: Truth) -> None:
    truth.away = True
    with pytest.raises(Unavailable):
        await cache.get_many(NUMBERS, PUBLIC, [1], truth.compute)
    truth.away, truth.values = False, {1: 10}
    assert await cache.get_many(NUMBERS, PUBLIC, [1], truth.compute) == {1: 10}


async def test_a_batch_is_one_round_trip(cache: Cache, redis: Redis, truth: Truth) -> None:
    truth.values = {number: number for number in range(100)}
    await cache.get_many(NUMBERS, PUBLIC, range(100), truth.compute)
    await redis.config_resetstat()
    assert await cache.get_many(NUMBERS, PUBLIC, range(100), truth.compute) == truth.values
    done = await commands(redis)
    assert {name: done[name] for name in ("mget", "set", "get") if name in done} == {"mget": 1}
    assert requests(cache, NUMBERS) == {"miss": 100, "hit": 100}


async def test_nothing_is_asked_for_nothing(cache: Cache, truth: Truth) -> None:
    assert await cache.get_many(NUMBERS, PUBLIC, [], truth.compute) == {}
    assert truth.asked == []


async def test_two_viewers_never_share(cache: Cache, neighbour: Cache) -> None:
    async def secret(viewer: OfViewer, identifiers: list[int]) -> dict[int, str]:
        return {number: f"{number} of {viewer.user_id}" for number in identifiers}

    for port in (cache, neighbour, cache):
        for viewer in (7, 70):
            assert await port.get_many(MINE, OfViewer(viewer), [1, 70], secret) == {
                1: f"1 of {viewer}",
                70: f"70 of {viewer}",
            }
    together = await asyncio.gather(
        *(cache.get_many(MINE, OfViewer(viewer), [2], secret) for viewer in range(1, 50))
    )
    assert together == [{2: f"2 of {viewer}"} for viewer in range(1, 50)]


@pytest.mark.parametrize(
    ("spec", "scope"), [(MINE, PUBLIC), (NUMBERS, OfViewer(7)), (MINE, None), (NUMBERS, 7)]
)
async def test_another_audience_is_refused(cache: Cache, truth: Truth, spec: Any, scope: Any) -> None:
    with pytest.raises(TypeError):
        await cache.get_many(spec, scope, [1], truth.compute)
    assert truth.asked == []


@pytest.fixture
def always_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cache.flight._chance", lambda: 1e-300)


async def test_a_value_is_renewed_before_it_ends(cache: Cache, truth: Truth, always_early: None) -> None:
    truth.values = {1: 10, 2: 20}
    await cache.get_many(NUMBERS, PUBLIC, [1, 2], truth.compute)
    truth.values = {1: 11}
    assert await cache.get_many(NUMBERS, PUBLIC, [1, 2], truth.compute) == {1: 11}
    assert requests(cache, NUMBERS) == {"miss": 2, "refreshed": 2}


async def test_one_renews_and_the_others_have_what_is_there(
    cache: Cache, neighbour: Cache, truth: Truth, always_early: None
) -> None:
    truth.values = {1: 10}
    await cache.get_many(NUMBERS, PUBLIC, [1], truth.compute)
    truth.gate.clear()
    truth.entered.clear()
    renewing = asyncio.create_task(cache.get_many(NUMBERS, PUBLIC, [1], truth.compute))
    await truth.entered.wait()
    assert await neighbour.get_many(NUMBERS, PUBLIC, [1], truth.compute) == {1: 10}
    truth.gate.set()
    assert await renewing == {1: 10}
    assert requests(neighbour, NUMBERS) == {"hit": 1}


async def test_what_cannot_be_renewed_stays(cache: Cache, truth: Truth, always_early: None) -> None:
    truth.values = {1: 10}
    await cache.get_many(NUMBERS, PUBLIC, [1], truth.compute)
    truth.away = True
    assert await cache.get_many(NUMBERS, PUBLIC, [1], truth.compute) == {1: 10}
    assert truth.asked == [[1], [1]]


async def test_values_end_at_different_times(cache: Cache, redis: Any, truth: Truth) -> None:
    truth.values = {number: number for number in range(50)}
    await cache.get_many(NUMBERS, PUBLIC, range(50), truth.compute)
    keys = [NUMBERS.value_key(NUMBERS.entry(PUBLIC, number)) for number in range(50)]
    ends = [await redis.pexpiretime(key) for key in keys]
    now = (await redis.time())[0] * 1000
    assert all(now + 53_000 <= end <= now + 61_000 for end in ends)
    assert max(ends) - min(ends) > 1_000


async def test_every_key_ends(cache: Cache, redis: Any, truth: Truth) -> None:
    truth.values = {1: 1}
    await cache.get_many(NUMBERS, PUBLIC, [1, 2], truth.compute)
    keys = [key async for key in redis.scan_iter("*")]
    assert len(keys) == 2, "a value, its generation; of what does not exist nothing stays"
    assert all([await redis.ttl(key) > 0 for key in keys])


async def test_large_values_are_compressed_and_larger_ones_not_kept(redis_url: str, redis: Redis) -> None:
    texts = CacheSpec("test_text", version=1, scope=Public, kind=str, ttl=60)
    truth = Truth({1: "x" * 100, 2: "long " * 10_000, 3: "".join(map(chr, range(0x4E00, 0x8E00)))})
    async with opened(redis_url, value_limit=2048, compress_above=1000) as cache:
        for _ in range(2):
            assert await cache.get_many(texts, PUBLIC, [1, 2, 3], truth.compute) == truth.values
        assert truth.asked == [[1, 2, 3], [3]]
        sizes = [await redis.strlen(texts.value_key(texts.entry(PUBLIC, number))) for number in (1, 2, 3)]
        assert 100 < sizes[0] < 140
        assert 0 < sizes[1] < 2048
        assert sizes[2] == 0
        assert total(cache, "cache_writes_total", cache="test_text", outcome="too_large") == 2


async def test_a_value_that_cannot_be_written_down_is_given_all_the_same(
    cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    truth = Truth({1: "no number", 2: 2})
    assert await cache.get_many(NUMBERS, PUBLIC, [1, 2], truth.compute) == truth.values
    assert total(cache, "cache_writes_total", cache="test_number", outcome="unfit") == 1
    assert "cannot be written down" in caplog.text


async def test_two_shapes_of_a_cache_live_side_by_side(cache: Cache, truth: Truth) -> None:
    words = CacheSpec("test_number", version=1, scope=Public, kind=str, ttl=60)
    numbers, other = Truth({1: 1}), Truth({1: "one"})
    for _ in range(2):
        both: Any = await asyncio.gather(
            cache.get_many(NUMBERS, PUBLIC, [1], numbers.compute),
            cache.get_many(words, PUBLIC, [1], other.compute),
        )
        assert both == [{1: 1}, {1: "one"}]
    assert (numbers.asked, other.asked) == ([[1]], [[1]])
