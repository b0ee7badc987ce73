"""Pools with limits of their own, and a proxy that takes their server away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import insert, select

from app.database import Database, Query, Transaction, compiled
from app.identity.models import User
from app.settings import DatabaseSettings
from app.telemetry import Metrics

SLEEP = Query("SELECT pg_sleep(60)", (), {})
ONE = Query("SELECT 1 AS one", (), {})
PROCESS = Query("SELECT pg_backend_pid()", (), {})
ADD = compiled(insert(User), columns=("email", "email_key", "name", "role", "email_verified_at"))
NAMES = compiled(select(User.name).order_by(User.name))


@asynccontextmanager
async def opened(settings: DatabaseSettings, **changes: Any) -> AsyncIterator[Database]:
    """A pool of one connection, with limits of its own."""
    database = Database(settings.model_copy(update={"pool_size": 1} | changes), Metrics())
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def add(transaction: Transaction, name: str) -> None:
    await transaction.fetch(
        ADD, email=name, email_key=name, name=name, role="student", email_verified_at=datetime.now(UTC)
    )


async def names(database: Database) -> list[str]:
    return [row["name"] for row in await database.fetch(NAMES)]


def gauge(database: Database, name: str) -> float | None:
    return database._metrics.registry.get_sample_value(f"lectern_database_pool_{name}")


async def works(database: Database) -> None:
    """The pool's only connection is free, sound and in no transaction."""
    assert [tuple(row) for row in await database.fetch(ONE)] == [(1,)]
    assert (gauge(database, "in_use"), gauge(database, "waiting")) == (0, 0)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(6_000):
        if await condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came true")


async def ask(limits: DatabaseSettings, question: str, *values: Any) -> Any:
    """Asks the server on a connection of its own."""
    connection = await asyncpg.connect(limits.url)
    try:
        return await connection.fetchval(question, *values)
    finally:
        await connection.close()


class Proxy:
    """Stands between a pool and PostgreSQL, so that a test can take the server away."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0

    @property
    def url(self) -> str:
        user = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{self.port}", query=""))

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        self._writers += [writer, outer]
        for source, target in ((reader, outer), (inner, writer)):
            task = asyncio.create_task(self._pass(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                await self._flowing.wait()
                target.write(data)
                await target.drain()
        target.close()

    def stall(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._flowing.clear()

    def say_goodbye(self) -> None:
        """What a server that shuts down says to idle connections, before it closes them."""
        fields = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
        # The writers come in pairs, the client's first.
        for writer in self._writers[::2]:
            writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

    def cut(self) -> None:
        """Breaks every connection without a word."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        """Refuses new connections and breaks the others."""
        assert self._server is not None
        self._server.close()
        self.cut()
        self._flowing.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
