"""A backend for broadcaster over Redis: one supervised connection that listens, a small pool that publishes."""

import asyncio
import logging
import random
import time
from contextvars import Context
from typing import Any

from broadcaster import BroadcastBackend, Event
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection

from app.keyvalue import redis_pool
from app.pubsub.link import Link, Wishes
from app.settings import PubSubSettings, RedisSettings
from app.telemetry import Metrics

logger = logging.getLogger(__name__)

_FIRST_DELAY = 0.05  # seconds
# Events between the connection and the subscribers; so many go out before other tasks run. With a thousand subscribers
# each takes some 5 ms, and a burst must find its readers awake before their queues are full.
_HANDED_OVER = 8


class ResilientBackend(BroadcastBackend):
    """Comes back after every outage and then says Ready for each channel. `subscribe`, `unsubscribe` never suspend."""

    def __init__(self, redis: RedisSettings, settings: PubSubSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._connect_within = redis.connect_timeout + redis.command_timeout
        self._events: asyncio.Queue[Event] = asyncio.Queue(min(_HANDED_OVER, settings.queue_size))
        self._wishes = Wishes()
        self._supervisor: asyncio.Task[None] | None = None
        self._closing = False
        self._listening = ConnectionPool.from_url(redis.url, socket_connect_timeout=redis.connect_timeout)
        # Whatever the address asks for: replies are read as lists of bytes.
        self._listening.connection_kwargs.update(protocol=2, decode_responses=False)
        self._publisher = Redis.from_pool(
            # What is tried once more may arrive twice: readers know a message's cursor.
            redis_pool(
                redis,
                max_connections=settings.publish_pool_size,
                timeout=settings.publish_timeout,
                # Whoever publishes says how long it may take. The client's own limit loses cancellations on Python 3.11.
                socket_timeout=None,
            )
        )

    async def connect(self) -> None:
        """Returns at once, Redis may be away."""
        self._supervisor = asyncio.get_running_loop().create_task(self._supervise(), context=Context())

    async def disconnect(self) -> None:
        self._closing = True
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
        await self._publisher.aclose()

    async def subscribe(self, group: str) -> None:
        self._wishes.add(group)

    async def unsubscribe(self, group: str) -> None:
        self._wishes.discard(group)

    async def publish(self, channel: str, message: Any) -> None:
        """`message` is bytes. Raises RedisError, OSError; waits without end unless the caller does not."""
        await self._publisher.publish(self._settings.channel_prefix + channel, message)

    async def next_published(self) -> Event:
        return await self._events.get()

    async def _supervise(self) -> None:
        failures = 0
        lost_at: float | None = None
        # A task group that fails while it is cancelled tells of the failure alone (Python 3.11, 3.12): hence the flag.
        while not self._closing:
            connection: AbstractConnection = self._listening.make_connection()  # type: ignore[no-untyped-call]
            connected_at: float | None = None
            try:
                async with asyncio.timeout(self._connect_within):
                    await connection.connect()  # type: ignore[no-untyped-call]
                connected_at = time.monotonic()
                self._note_connected(lost_at)
                await Link(connection, self._wishes, self._events, self._settings, self._metrics).run()
            except Exception as error:  # noqa: BLE001 - also after a bug of ours the others must hear on
                now = time.monotonic()
                if connected_at is not None or lost_at is None:
                    lost_at = now
                    logger.warning("pub/sub has lost Redis and tries again: %s", _reason(error))
                # A server that takes us and throws us out at once is not asked more often than one that is away.
                lasted = connected_at is not None and now - connected_at > self._settings.reconnect_delay
                failures = 0 if lasted else failures + 1
            finally:
                self._metrics.pubsub_connected.set(0)
                await connection.disconnect(nowait=True)
            await asyncio.sleep(self._delay(failures))

    def _note_connected(self, lost_at: float | None) -> None:
        self._metrics.pubsub_connected.set(1)
        if lost_at is not None:
            self._metrics.pubsub_reconnects.inc()
            logger.info("pub/sub has Redis again after %.1f seconds", time.monotonic() - lost_at)

    def _delay(self, failures: int) -> float:
        longest: float = min(self._settings.reconnect_delay, _FIRST_DELAY * 2 ** min(failures, 10))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads the processes, guards nothing


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
