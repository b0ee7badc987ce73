"""One connection in pub/sub mode: asks Redis for the channels that are wanted, hands on what comes."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

from broadcaster import Event
from redis.asyncio.connection import AbstractConnection

from app.pubsub.events import Message, Ready
from app.settings import PubSubSettings
from app.telemetry import Metrics

logger = logging.getLogger(__name__)

_CHANNELS_PER_COMMAND = 500


class Wishes:
    """What this process wants to hear, and what has changed since a link last looked. Nothing here suspends."""

    def __init__(self) -> None:
        self.wanted: set[str] = set()
        self.joined: set[str] = set()
        self.left: set[str] = set()
        self.changed = asyncio.Event()

    def add(self, channel: str) -> None:
        self.wanted.add(channel)
        self.joined.add(channel)
        self.changed.set()

    def discard(self, channel: str) -> None:
        self.wanted.discard(channel)
        self.joined.discard(channel)
        # Stays here although somebody may join again at once: the newcomer's Ready must answer a SUBSCRIBE of its own.
        self.left.add(channel)
        self.changed.set()

    def start_anew(self) -> None:
        """For a new connection, which knows of no channel."""
        self.joined = set(self.wanted)
        self.left.clear()
        self.changed.set()


class Link:
    """Lives as long as its connection. `run` never returns, it raises what has ended the connection."""

    def __init__(
        self,
        connection: AbstractConnection,
        wishes: Wishes,
        events: asyncio.Queue[Event],
        settings: PubSubSettings,
        metrics: Metrics,
    ) -> None:
        self._connection = connection
        self._wishes = wishes
        self._events = events
        self._settings = settings
        self._metrics = metrics
        self._asked: set[str] = set()
        self._awaited: Counter[str] = Counter()  # replies that are still to come, by channel

    async def run(self) -> None:
        """Raises ExceptionGroup."""
        self._wishes.start_anew()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask())
            tasks.create_task(self._read())

    async def _ask(self) -> None:
        wishes = self._wishes
        while True:
            await wishes.changed.wait()
            wishes.changed.clear()
            left, wishes.left = wishes.left & self._asked, set()
            self._asked -= left
            joined, wishes.joined = wishes.joined - self._asked, set()
            self._asked |= joined
            # Leaving first: who has left and joined again in the meantime is in both.
            await self._send("UNSUBSCRIBE", left)
            await self._send("SUBSCRIBE", joined)

    async def _send(self, command: str, channels: Iterable[str]) -> None:
        rest = iter(channels)
        while some := list(islice(rest, _CHANNELS_PER_COMMAND)):
            self._awaited.update(some)
            names = [self._settings.channel_prefix + channel for channel in some]
            await self._connection.send_command(command, *names, check_health=False)

    async def _read(self) -> None:
        asked_for_life = False
        while True:
            reply = await self._connection.read_response(
                timeout=self._settings.silence, disconnect_on_error=False
            )
            if reply is not None:
                asked_for_life = False
                await self._handle(reply)
            elif asked_for_life:
                raise TimeoutError(f"not a byte for {2 * self._settings.silence:g} seconds")
            else:
                asked_for_life = True
                # A server that takes nothing any more would hold us here.
                async with asyncio.timeout(self._settings.silence):
                    await self._connection.send_command("PING", check_health=False)

    async def _handle(self, reply: Any) -> None:
        match reply:
            case [b"message", name, payload]:
                await self._receive(self._channel(name), payload)
            case [b"subscribe" | b"unsubscribe" as kind, name, _]:
                channel = self._channel(name)
                self._awaited[channel] -= 1
                # Only the last of several replies tells how things stand.
                if self._awaited[channel] <= 0:
                    del self._awaited[channel]
                    if kind == b"subscribe":
                        await self._events.put(Ready(channel))

    async def _receive(self, channel: str, payload: bytes) -> None:
        try:
            message = Message(channel, payload)
        except ValueError:
            self._metrics.pubsub_received.labels("unreadable").inc()
            logger.warning("a message on %r is not JSON; it is left out", channel)
            return
        self._metrics.pubsub_received.labels("delivered").inc()
        # Waits while the process has more than it can distribute; Redis keeps the rest and gives us up at its own limit.
        await self._events.put(message)

    def _channel(self, name: bytes) -> str:
        return name.decode()[len(self._settings.channel_prefix) :]
