"""Mails leave behind the answer: what is posted waits in memory and is sent by a task of its own.

A mail server that is slow or away slows no request. What waits when the process dies is lost: whoever misses a mail asks for
another. When the program stops in order, the rest is sent first, for a while.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from app.errors import Unavailable
from app.mail.message import Message
from app.mail.transports import MailRefusedError, Sender, Transport, transport_of
from app.settings import Settings
from app.telemetry import Metrics

RETRY_DELAYS = (1.0, 5.0, 25.0)
"""Seconds before the second, third and fourth try; then the mail is given up."""
_CLOSING_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Postbox:
    """One per process, at most `waiting_limit` mails in it."""

    def __init__(self, transport: Transport, metrics: Metrics, *, sender: str, waiting_limit: int) -> None:
        self._transport = transport
        self._metrics = metrics
        self._sender = sender
        self._waiting: asyncio.Queue[Message] = asyncio.Queue(waiting_limit)
        self.retry_delays: Sequence[float] = RETRY_DELAYS

    async def post(self, message: Message) -> None:
        """Takes the mail; never waits for a server. A mail too many is dropped, counted and logged."""
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            self._count("dropped")
            _log.error("the postbox is full: a mail of kind %s was dropped", message.kind)
        else:
            self._metrics.mails_waiting.inc()

    async def emptied(self) -> None:
        """Returns when all that was posted has been sent or given up."""
        await self._waiting.join()

    async def run(self) -> None:
        """Sends until it is cancelled."""
        async with asyncio.TaskGroup() as retries:
            while True:
                batch = [await self._waiting.get()]
                while not self._waiting.empty():
                    batch.append(self._waiting.get_nowait())
                if left := await self._tried(batch):
                    # Apart from the others: one mailbox that asks to come again must not hold up everybody's mail.
                    retries.create_task(self._retry(left))

    async def _retry(self, batch: list[Message]) -> None:
        for delay in self.retry_delays:
            await asyncio.sleep(delay)
            batch = await self._tried(batch)
            if not batch:
                return
        for message in batch:
            _log.error("a mail of kind %s was given up", message.kind)
            self._settle("failed")

    async def _tried(self, batch: list[Message]) -> list[Message]:
        """Sends over one connection. Returns what is worth another try."""
        left = list(batch)
        try:
            async with self._transport.connected() as sender:
                for message in batch:
                    if outcome := await self._sent(sender, message):
                        left.remove(message)
                        self._settle(outcome)
        except Unavailable as error:
            _log.warning("mails wait: %s", error)
        except Exception:  # noqa: BLE001 - whatever it is, the mails that come after must leave
            _log.exception("mails could not be sent")
        return left

    async def _sent(self, sender: Sender, message: Message) -> str:
        """What became of it; nothing if another try may succeed."""
        try:
            await sender.send(message.encoded(self._sender))
        except (MailRefusedError, ValueError) as error:
            _log.warning("a mail of kind %s was refused: %s", message.kind, error)
            return "refused"
        except Unavailable as error:
            _log.warning("a mail of kind %s waits: %s", message.kind, error)
            return ""
        return "sent"

    def _settle(self, outcome: str) -> None:
        self._count(outcome)
        self._waiting.task_done()
        self._metrics.mails_waiting.dec()

    def _count(self, outcome: str) -> None:
        self._metrics.mails.labels(outcome).inc()


@asynccontextmanager
async def open_postbox(settings: Settings, metrics: Metrics) -> AsyncIterator[Postbox]:
    """A postbox that is emptied while the block runs. Raises ValueError for an address that is no mail server's."""
    postbox = Postbox(
        transport_of(settings),
        metrics,
        sender=settings.mail.mail_from,
        waiting_limit=settings.mail.mail_waiting_limit,
    )
    task = asyncio.create_task(postbox.run(), name="postbox")
    try:
        yield postbox
    finally:
        try:
            await asyncio.wait_for(postbox.emptied(), _CLOSING_SECONDS)
        except TimeoutError:
            _log.warning("mails were still waiting when the program stopped")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
