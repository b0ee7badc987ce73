from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from app.cache import Cache
from tests.app.cache.caching import UNSETTLED, Truth, opened
from tests.support.valkey import FragileValkey, fragile_valkey


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as connected:
        await connected.flushdb()
        yield connected
        await connected.flushdb()
    UNSETTLED.clear()


@pytest.fixture
async def cache(redis: Redis, redis_url: str) -> AsyncIterator[Cache]:
    async with opened(redis_url) as first:
        yield first


@pytest.fixture
async def neighbour(redis: Redis, redis_url: str) -> AsyncIterator[Cache]:
    """Another process: a pool, flights and a memory of its own."""
    async with opened(redis_url) as second:
        yield second


@pytest.fixture
def truth() -> Truth:
    return Truth()


@pytest.fixture
def valkey() -> Iterator[FragileValkey]:
    with fragile_valkey() as started:
        yield started
