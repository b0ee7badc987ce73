"""Redis away, slow, full, or holding what is not ours: computed, never wrong, never an error, never long."""

import asyncio
import os
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from app.cache import PUBLIC, Cache
from app.cache.envelope import _HEADER, Envelope, pack
from tests.app.cache.caching import NUMBERS, THINGS, Truth, opened, requests, thing, total
from tests.support.valkey import FragileValkey

ENTRY = NUMBERS.entry(PUBLIC, 1)
KEY = NUMBERS.value_key(ENTRY)
GENERATION = f"lectern:cache:generation:{ENTRY}"


async def one(cache: Cache, truth: Truth) -> int:
    found: dict[int, int] = await cache.get_many(NUMBERS, PUBLIC, [1], truth.compute)
    return found[1]


@pytest.mark.parametrize("how", ["killed", "frozen", "locked"])
async def test_redis_goes_and_comes_back(valkey: FragileValkey, truth: Truth, how: str) -> None:
    async with opened(valkey.url, timeout=0.5) as cache:
        truth.values[1] = 1
        assert [await one(cache, truth) for _ in range(2)] == [1, 1]
        {"killed": valkey.kill, "frozen": valkey.freeze, "locked": valkey.lock}[how]()
        if how == "locked":
            # What is connected stays so.
            await cache._store._redis.connection_pool.disconnect()
        truth.values[1] = 2
        # Nothing is said of the change: this is about who answers.
        seen = [await one(cache, truth) for _ in range(8)]
        assert seen == [2] * 8
        assert total(cache, "circuit_open", port="cache") == 1
        assert total(cache, "circuit_refusals_total", port="cache") == 3, "after five outages nobody waits"
        {"killed": valkey.start, "frozen": valkey.thaw, "locked": valkey.unlock}[how]()
        valkey.command("FLUSHALL")
        for _ in range(2_000):
            await one(cache, truth)
            if requests(cache, NUMBERS).get("hit", 0) > 1:
                break
            await asyncio.sleep(0.05)
        assert requests(cache, NUMBERS)["hit"] > 1
        assert total(cache, "circuit_open", port="cache") == 0


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """Takes connections and whatever is said, and never answers."""
    connections: list[asyncio.StreamWriter] = []

    async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"redis://{host}:{port}/0"
    finally:
        server.close()
        for writer in connections:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        await server.wait_closed()


async def test_a_server_that_never_answers(truth: Truth) -> None:
    async with silent_server() as url, opened(url, timeout=0.05) as cache:
        truth.values = {number: number for number in range(1, 101)}
        for _ in range(8):
            assert await cache.get_many(NUMBERS, PUBLIC, range(1, 101), truth.compute) == truth.values
        assert requests(cache, NUMBERS) == {"bypassed": 800}
        assert truth.asked == [list(range(1, 101))] * 8, "one compute for all of a batch"
        assert total(cache, "circuit_refusals_total", port="cache") == 3


async def test_nobody_there(truth: Truth) -> None:
    truth.values[1] = 1
    async with opened("redis://127.0.0.1:1/0") as cache:
        readers = [one(cache, truth) for _ in range(100)]
        assert await asyncio.gather(*readers) == [1] * 100
        assert truth.asked == [[1]], "without Redis a process still computes once for all who ask together"


async def test_a_pool_that_is_used_up_is_an_outage_like_any(valkey: FragileValkey, truth: Truth) -> None:
    async with opened(valkey.url, pool_size=1, timeout=0.1) as cache:
        valkey.freeze()
        waiting = [
            cache.get_many(NUMBERS, PUBLIC, [number], Truth({number: number}).compute) for number in range(50)
        ]
        assert await asyncio.gather(*waiting) == [{number: number} for number in range(50)]
        valkey.thaw()


async def test_redis_that_is_full_still_answers(valkey: FragileValkey, truth: Truth) -> None:
    async with opened(valkey.url) as cache:
        truth.values = {1: 1}
        await one(cache, truth)
        valkey.command("CONFIG", "SET", "maxmemory", "1")
        truth.values[2] = 2
        assert await cache.get_many(NUMBERS, PUBLIC, [1, 2], truth.compute) == {1: 1, 2: 2}
        assert truth.asked == [[1], [2]]
        assert total(cache, "circuit_open", port="cache") == 0, "a refusal is an answer"


def _other_generation() -> bytes:
    return pack(Envelope(b"y" * 8, 9e9, 0.1, b"7"), compress_above=100)


GARBAGE = {
    "nothing": b"",
    "text": b"hello",
    "a header alone": _HEADER.pack(b"Lc", 0, b"x" * 8, 9e9, 0.1),
    "another magic": _HEADER.pack(b"Zz", 0, b"x" * 8, 9e9, 0.1) + b"7",
    "an unknown form": _HEADER.pack(b"Lc", 9, b"x" * 8, 9e9, 0.1) + b"7",
    "no time": _HEADER.pack(b"Lc", 0, b"x" * 8, float("nan"), 0.1) + b"7",
    "another type": _HEADER.pack(b"Lc", 0, b"x" * 8, 9e9, 0.1) + b'"seven"',
    "half of it": _HEADER.pack(b"Lc", 1, b"x" * 8, 9e9, 0.1) + zlib.compress(b"7" * 100)[:-3],
    "not compressed": _HEADER.pack(b"Lc", 1, b"x" * 8, 9e9, 0.1) + b"7",
    "a bomb": _HEADER.pack(b"Lc", 1, b"x" * 8, 9e9, 0.1) + zlib.compress(b" " * 50_000_000 + b"7"),
    "noise": os.urandom(300),
    "pickled": b"cos\nsystem\n(S'true'\ntR.",
}


@pytest.mark.parametrize("what", GARBAGE)
async def test_garbage_is_a_miss(cache: Cache, redis: Redis, truth: Truth, what: str) -> None:
    await redis.set(KEY, GARBAGE[what])
    await redis.set(GENERATION, b"x" * 8)
    truth.values[1] = 1
    assert [await one(cache, truth) for _ in range(2)] == [1, 1]
    assert truth.asked == [[1]], "what is computed takes its place"
    assert total(cache, "cache_unreadable_total", cache="test_number") == 1


async def test_a_value_of_another_generation_is_a_miss(cache: Cache, redis: Redis, truth: Truth) -> None:
    await redis.set(KEY, _other_generation())
    await redis.set(GENERATION, b"x" * 8)
    truth.values[1] = 1
    assert await one(cache, truth) == 1
    assert total(cache, "cache_unreadable_total", cache="test_number") == 0


@pytest.mark.parametrize("key", [KEY, GENERATION, NUMBERS.lease_key(ENTRY)])
async def test_a_key_of_another_kind(cache: Cache, redis: Any, truth: Truth, key: str) -> None:
    await redis.lpush(key, "a", "list")
    truth.values[1] = 1
    assert [await one(cache, truth) for _ in range(2)] == [1, 1]


async def test_a_field_more_or_less_is_a_miss(cache: Cache, redis: Redis) -> None:
    """Bytes of a shape that another release may have had, under a key of ours."""
    truth = Truth({1: thing(1)})
    await cache.get_many(THINGS, PUBLIC, [1], truth.compute)
    key = THINGS.value_key(THINGS.entry(PUBLIC, 1))
    data = await redis.get(key)
    await redis.set(key, data.replace(b'"name"', b'"nome"'))
    assert await cache.get_many(THINGS, PUBLIC, [1], truth.compute) == {1: thing(1)}
    assert truth.asked == [[1], [1]]
