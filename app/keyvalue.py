"""The connection to Valkey or Redis, for the domains whose technology it is. It may be emptied at any time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.errors import Unavailable
from app.settings import RedisSettings


def redis_pool(settings: RedisSettings, **changes: Any) -> BlockingConnectionPool:
    """A pool of connections that wait and try as the settings say; opens nothing before its first use."""
    options: dict[str, Any] = {
        "max_connections": settings.pool_size,
        "timeout": settings.pool_wait,
        "socket_connect_timeout": settings.connect_timeout,
        "socket_timeout": settings.command_timeout,
        # Once more on a connection that died while idle. Not `redis.retry`: that one is for the synchronous client, and
        # would never retry here. The client's own checks of idle connections must stay off beside it: where the server
        # asks for a password that we lack, each check connects anew, which checks again, without end.
        "retry": Retry(ExponentialBackoff(cap=0.1, base=0.01), 1),
        "retry_on_error": [RedisConnectionError],
    }
    return BlockingConnectionPool.from_url(settings.url, **(options | changes))


class Keeping(NamedTuple):
    appends: bool
    """It has an append-only file."""
    evicts: bool
    """It makes room by forgetting."""


class KeyValue:
    """One pool per process; a command waits `pool_wait` for a connection and `command_timeout` for its answer."""

    def __init__(self, settings: RedisSettings) -> None:
        # `from_pool`, unlike the constructor, closes the pool's connections with the client.
        self._redis = Redis.from_pool(redis_pool(settings))

    async def ping(self) -> None:
        """Raises Unavailable when the server does not answer."""
        try:
            await self._redis.ping()
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable(_UNREACHABLE) from error

    async def keeping(self) -> "Keeping":
        """Whether the server keeps what it is given, by what it tells of itself. Raises Unavailable."""
        try:
            told = await self._redis.info("persistence") | await self._redis.info("memory")
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable(_UNREACHABLE) from error
        return Keeping(told.get("aof_enabled") == 1, told.get("maxmemory_policy") != "noeviction")

    def script(self, text: str) -> "Script":
        """A script of the server: sent whole once, by its hash from then on. Nothing is asked before its first run."""
        return Script(self._redis, text)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Values in the order of `keys`, in one round trip. Raises Unavailable."""
        try:
            found: list[bytes | None] = await self._redis.mget(keys)
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable(_UNREACHABLE) from error
        return found

    async def close(self) -> None:
        await self._redis.aclose()


class Script:
    """Runs as one step of the server; repeated once where the connection died meanwhile, so it must bear that."""

    def __init__(self, redis: Redis, text: str) -> None:
        self._run = redis.register_script(text)

    async def __call__(self, keys: Sequence[str], *arguments: str | bytes | int) -> Any:
        """Raises Unavailable, also for what the server refuses: it is full, or read-only after a failover."""
        try:
            return await self._run(keys=keys, args=arguments)
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable(_UNREACHABLE) from error


_UNREACHABLE = "The key-value store cannot be reached. Please try again."
