"""Publishing and subscribing, as the rest of the program sees it."""

import logging
from asyncio import timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from redis.exceptions import RedisError

from app.errors import Unavailable
from app.pubsub.backend import ResilientBackend
from app.pubsub.fanout import Fanout
from app.pubsub.subscription import Subscription
from app.settings import PubSubSettings, RedisSettings
from app.telemetry import Metrics

logger = logging.getLogger(__name__)


class PubSub:
    """Opens nothing before its first use. Channel names come from code and ids, never from a client's text."""

    def __init__(self, redis: RedisSettings, settings: PubSubSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._backend = ResilientBackend(redis, settings, metrics)
        self._fanout = Fanout(self._backend, metrics)
        self._closed = False
        self._failing = False

    async def publish(self, channel: str, message: Any) -> bool:
        """Whether Redis is known to have taken `message` (JSON-able, or anything else that orjson writes).

        Never raises, so that it may stand in `after_commit`; takes `publish_timeout` at most. After False the message may
        have arrived nevertheless.
        """
        try:
            payload = orjson.dumps(message)
        except TypeError:
            logger.exception("a message for %r is no JSON", channel)
            return self._published("refused")
        if len(payload) > self._settings.message_limit:
            logger.error("a message for %r has %d bytes, too many", channel, len(payload))
            return self._published("refused")
        if self._closed:
            return self._published("failed")
        try:
            async with timeout(self._settings.publish_timeout):
                await self._backend.publish(channel, payload)
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            # One line for an outage, not one for each message.
            logger.log(
                logging.DEBUG if self._failing else logging.WARNING,
                "a message for %r could not be published: %s",
                channel,
                error or type(error).__name__,
            )
            self._failing = True
            return self._published("failed")
        self._failing = False
        return self._published("published")

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[Subscription]:
        """From the first line of the block on nothing is missed without a Gap. Raises Unavailable once closed.

        Read what was before inside of the block, then iterate: what is published in between waits in the queue.
        """
        if self._closed:
            raise Unavailable("The server is stopping. Please try again.")
        await self._fanout.connect()
        subscription = Subscription(channel, self._settings, self._metrics, self._fanout.leave)
        live = await self._fanout.join(subscription)
        try:
            await subscription.begin(live=live)
            yield subscription
        finally:
            subscription.end()
            await self._fanout.leave(subscription)

    async def close(self) -> None:
        """Ends all subscriptions and connections."""
        self._closed = True
        await self._fanout.disconnect()

    def _published(self, outcome: str) -> bool:
        self._metrics.pubsub_published.labels(outcome).inc()
        return outcome == "published"
