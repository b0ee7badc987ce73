"""One subscriber's bounded queue. Nobody ever waits for it to have room."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from broadcaster import Event

from app.pubsub.events import Gap, Message, Ready
from app.settings import PubSubSettings
from app.telemetry import Metrics


class TooSlow(Exception):
    """The subscriber has not kept up; its queue is gone. It may subscribe again and read what it missed."""


class Subscription(asyncio.Queue[Event | None]):
    """`async for event in subscription`: a Message or a Gap, in the order of publication.

    Ends when the port closes, raises TooSlow when more than `queue_size` messages or `queue_bytes` wait.
    """

    def __init__(
        self,
        channel: str,
        settings: PubSubSettings,
        metrics: Metrics,
        leave: Callable[["Subscription"], Awaitable[None]],
    ) -> None:
        super().__init__()
        self.channel = channel
        self._settings = settings
        self._metrics = metrics
        self._leave = leave
        self._live = asyncio.Event()
        self._beginning = True
        self._waiting_bytes = 0
        self._ended = False
        self._too_slow = False

    @property
    def live(self) -> bool:
        """Whether Redis has confirmed the channel since somebody of this process subscribed to it."""
        return self._live.is_set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message | Gap:
        event = await self.get()
        if isinstance(event, Message):
            self._waiting_bytes -= len(event.payload)
        if isinstance(event, Message | Gap):
            return event
        self.put_nowait(None)  # for whoever asks again
        if self._too_slow:
            raise TooSlow(f"the subscriber of {self.channel} did not keep up")
        raise StopAsyncIteration

    async def begin(self, *, live: bool) -> None:
        """Waits for Redis, `subscribe_timeout` at most: a subscription that begins in an outage hears a Gap after it."""
        if live:
            self._live.set()
        try:
            async with asyncio.timeout(self._settings.subscribe_timeout):
                await self._live.wait()
        except TimeoutError:
            pass
        finally:
            self._beginning = False

    async def put(self, item: Event | None) -> None:
        """Called by broadcaster's listener for one subscriber after the other: it never waits."""
        if self._ended:
            return
        if isinstance(item, Ready):
            if self.live or not self._beginning:
                self._note_gap()
            self._live.set()
        elif isinstance(item, Message) and self.live:
            await self._take(item)

    def end(self) -> None:
        """What waits is forgotten; the iteration ends."""
        if not self._ended:
            self._ended = True
            while not self.empty():
                self.get_nowait()
            self._live.set()  # nobody waits for the beginning of what has ended
            self.put_nowait(None)

    async def _take(self, message: Message) -> None:
        size = self._waiting_bytes + len(message.payload)
        # One message alone fits always: another version's limit may be higher than ours.
        if self.qsize() >= self._settings.queue_size or (
            self._waiting_bytes and size > self._settings.queue_bytes
        ):
            self._too_slow = True
            self._metrics.pubsub_slow_subscribers.inc()
            self.end()
            await self._leave(self)
            return
        self._waiting_bytes = size
        self.put_nowait(message)

    def _note_gap(self) -> None:
        waiting = self._queue  # type: ignore[attr-defined]
        if waiting and isinstance(waiting[-1], Gap):
            return  # nothing came in between: one reading serves both
        self._metrics.pubsub_gaps.inc()
        self.put_nowait(Gap(self.channel))
