"""The connection to Valkey or Redis, for the domains whose technology it is. It may be emptied at any time."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.errors import Unavailable
from app.settings import RedisSettings


class KeyValue:
    """One pool per process; a command waits `pool_wait` for a connection and `command_timeout` for its answer."""

    def __init__(self, settings: RedisSettings) -> None:
        pool = BlockingConnectionPool.from_url(
            settings.url,
            max_connections=settings.pool_size,
            timeout=settings.pool_wait,
            socket_connect_timeout=settings.connect_timeout,
            socket_timeout=settings.command_timeout,
            health_check_interval=settings.pool_age,
            # Not `redis.retry`: that one is for the synchronous client, and here would never retry.
            retry=Retry(ExponentialBackoff(cap=0.1, base=0.01), 1),
            retry_on_error=[RedisConnectionError],
        )
        # `from_pool`, unlike the constructor, closes the pool's connections with the client.
        self._redis = Redis.from_pool(pool)

    async def ping(self) -> None:
        """Raises Unavailable when the server does not answer."""
        try:
            await self._redis.ping()
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable("The key-value store cannot be reached. Please try again.") from error

    async def close(self) -> None:
        await self._redis.aclose()
