"""Sends mails now, for jobs: what a mail server cannot take just now is for the job to send again."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from time import perf_counter

from app.circuits import Circuit
from app.errors import Unavailable
from app.mail.message import UNREACHABLE, Message
from app.mail.transports import Connection, MailDeferredError, MailRefusedError, Transport, transport_of
from app.settings import Settings
from app.telemetry import Metrics

FRESH = 1.0
"""Seconds for which a connection that was just used is taken to be alive without a question."""

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of a mail."""

    SENT = "sent"
    REFUSED = "refused"
    """For good: no other try will succeed."""
    LATER = "later"
    """The server, or that mailbox, asks to come again."""


class Mailer:
    """One per process. Keeps its connections for the next mails; never has more than `connections`."""

    def __init__(self, transport: Transport, metrics: Metrics, *, sender: str, connections: int) -> None:
        self._transport = transport
        self._metrics = metrics
        self._sender = sender
        self._circuit = Circuit("mail", metrics)
        self._limit = asyncio.Semaphore(connections)
        self._idle: list[tuple[Connection, float]] = []

    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Over one connection, in that order. One outcome a mail; a server that is away is no error, but LATER.

        What goes to an UNREACHABLE address is refused, and no server hears of it.
        """
        outcomes: list[Outcome] = []
        try:
            async with self._connection() as connection:
                for message in messages:
                    outcomes.append(await self._sent(connection, message))  # noqa: PERF401 - kept when it breaks off
        except Unavailable as error:
            _log.warning("mails wait: %s", error)
        outcomes += [Outcome.LATER] * (len(messages) - len(outcomes))
        for outcome in outcomes:
            self._metrics.mails.labels(outcome).inc()
        return outcomes

    async def close(self) -> None:
        """Says goodbye to the servers."""
        while self._idle:
            await self._idle.pop()[0].close()

    async def _sent(self, connection: Connection, message: Message) -> Outcome:
        if message.to.lower().endswith(UNREACHABLE):
            return Outcome.REFUSED
        began = perf_counter()
        try:
            await connection.send(message.encoded(self._sender))
        except (MailRefusedError, ValueError) as error:
            _log.warning("a mail of kind %s was refused: %s", message.kind, error)
            return Outcome.REFUSED
        except MailDeferredError as error:
            _log.warning("a mail of kind %s waits: %s", message.kind, error)
            return Outcome.LATER
        self._metrics.mail_seconds.observe(perf_counter() - began)
        return Outcome.SENT

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """For one caller. Whatever goes wrong with it, nobody gets it after that."""
        async with self._limit:
            connection = await self._fresh() or await self._connected()
            try:
                yield connection
            except BaseException:
                connection.abandon()
                raise
            self._idle.append((connection, perf_counter()))

    async def _connected(self) -> Connection:
        with self._circuit.call():
            return await self._transport.connect()

    async def _fresh(self) -> Connection | None:
        while self._idle:
            connection, since = self._idle.pop()
            if perf_counter() - since < FRESH or await connection.alive():
                return connection
            connection.abandon()
        return None


@asynccontextmanager
async def open_mailer(settings: Settings, metrics: Metrics) -> AsyncIterator[Mailer]:
    """Raises ValueError for an address that is no mail server's; connects when there is a mail."""
    mailer = Mailer(
        transport_of(settings),
        metrics,
        sender=settings.mail.mail_from,
        connections=settings.mail.mail_connections,
    )
    try:
        yield mailer
    finally:
        await mailer.close()
