"""broadcaster's Broadcast with its table of subscribers kept without a race; see docs/decisions for what it lacks."""

import asyncio
import logging
from contextvars import Context

from broadcaster import Broadcast, BroadcastBackend

from app.pubsub.subscription import Subscription
from app.telemetry import Metrics

logger = logging.getLogger(__name__)


class Fanout(Broadcast):
    """One subscription of the backend per channel, however many subscribers this process has.

    `join` and `leave` do not suspend, as long as the backend's `subscribe` and `unsubscribe` do not: no other task runs
    between a look at the table and its change, and no cancellation can come in between.
    """

    def __init__(self, backend: BroadcastBackend, metrics: Metrics) -> None:
        super().__init__(backend=backend)
        self._distribution: asyncio.Task[None] | None = None
        self._metrics = metrics

    async def connect(self) -> None:
        """Starts the tasks, outside of the context of the request that happens to be the first. Does not suspend."""
        if self._distribution is None:
            await self._backend.connect()
        if self._distribution is None or self._distribution.done():
            loop = asyncio.get_running_loop()
            self._distribution = loop.create_task(self._listener(), context=Context())
            self._distribution.add_done_callback(self._distribution_ended)

    async def disconnect(self) -> None:
        """Ends all subscriptions, then the tasks and connections. May be called without `connect`."""
        self._end_all()
        if self._distribution is not None:
            self._distribution.cancel()
            # Unlike `await`, raises neither the task's error nor, in our name, its cancellation.
            await asyncio.wait([self._distribution])
        await self._backend.disconnect()

    async def join(self, subscription: Subscription) -> bool:
        """Returns whether the channel is live already."""
        members = self._subscribers.get(subscription.channel)
        if members:
            live = any(isinstance(member, Subscription) and member.live for member in members)
            members.add(subscription)
        else:
            live = False
            self._subscribers[subscription.channel] = {subscription}
            await self._backend.subscribe(subscription.channel)
        self._metrics.pubsub_subscribers.inc()
        self._metrics.pubsub_channels.set(len(self._subscribers))
        return live

    async def leave(self, subscription: Subscription) -> None:
        """May be called again."""
        members = self._subscribers.get(subscription.channel, set())
        if subscription not in members:
            return
        members.remove(subscription)
        if not members:
            del self._subscribers[subscription.channel]
            await self._backend.unsubscribe(subscription.channel)
        self._metrics.pubsub_subscribers.dec()
        self._metrics.pubsub_channels.set(len(self._subscribers))

    def _end_all(self) -> None:
        for members in self._subscribers.values():
            for member in members:
                if isinstance(member, Subscription):
                    member.end()

    def _distribution_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            # A bug of ours. Clients whose subscription ends come again, those that wait for ever do not.
            logger.error("the distribution of messages failed", exc_info=error)
            self._end_all()
