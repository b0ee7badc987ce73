"""A server that goes, connections that die: Unavailable, the true reason, and a pool that works afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from app.database import Database
from app.errors import Unavailable
from app.resources import Resources
from app.settings import DatabaseSettings, Settings
from tests.app.pools import ONE, PROCESS, Proxy, add, ask, gauge, names, opened, until, works


@pytest.fixture
def limits(resources: Resources, settings: Settings) -> DatabaseSettings:
    return settings.database


@pytest.fixture
async def proxy(limits: DatabaseSettings) -> AsyncIterator[Proxy]:
    proxy = Proxy(limits.url)
    await proxy.start()
    yield proxy
    await proxy.stop()


async def gone(limits: DatabaseSettings, process: int) -> bool:
    return not await ask(limits, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", process)


async def test_a_transaction_that_sits_idle_is_ended(limits: DatabaseSettings) -> None:
    async with opened(limits, idle_in_transaction_timeout=0.5) as database:

        async def dawdle() -> None:
            async with database.transaction() as transaction:
                await add(transaction, "a")
                rows = await transaction.fetch(PROCESS)
                await until(partial(gone, limits, rows[0][0]))
                await add(transaction, "b")

        with pytest.raises(Unavailable):
            await dawdle()
        assert await names(database) == []
        await works(database)


async def terminate(limits: DatabaseSettings, process: int) -> None:
    assert await ask(limits, "SELECT pg_terminate_backend($1, 5000)", process)


async def test_a_connection_that_died_in_the_pool_is_replaced(limits: DatabaseSettings) -> None:
    async with opened(limits) as database:
        rows = await database.fetch(PROCESS)
        await terminate(limits, rows[0][0])
        with suppress(Unavailable):  # the first may hear of it
            await database.fetch(ONE)
        await works(database)
        rows_after = await database.fetch(PROCESS)
        assert rows_after != rows


@pytest.mark.parametrize("again", [True, False])
async def test_a_connection_that_dies_in_a_transaction(limits: DatabaseSettings, again: bool) -> None:
    async with opened(limits) as database:

        async def attempt() -> None:
            async with database.transaction() as transaction:
                await add(transaction, "a")
                rows = await transaction.fetch(PROCESS)
                await terminate(limits, rows[0][0])
                if again:
                    await transaction.fetch(ONE)

        with pytest.raises(Unavailable):
            await attempt()
        assert await names(database) == []
        await works(database)


async def test_the_reason_is_told_although_the_server_is_gone(proxy: Proxy, limits: DatabaseSettings) -> None:
    async with opened(limits, url=proxy.url) as database:

        async def attempt() -> None:
            async with database.transaction() as transaction:
                await add(transaction, "a")
                proxy.cut()
                raise ValueError("the reason")

        with pytest.raises(ValueError, match="the reason"):
            await attempt()
        await works(database)


async def test_a_server_that_goes_and_comes_back(proxy: Proxy, limits: DatabaseSettings) -> None:
    async with opened(limits, url=proxy.url) as database:
        await works(database)
        await proxy.stop()

        async def transaction() -> None:
            async with database.transaction() as tx:
                await tx.fetch(ONE)

        for attempt in (lambda: database.fetch(ONE), transaction, database.ping, database.acquire):
            with pytest.raises(Unavailable, match="reached"):
                await attempt()
        await proxy.start()
        await works(database)


async def test_a_farewell_before_the_connection_closes(proxy: Proxy, limits: DatabaseSettings) -> None:
    """For a moment the driver knows that it is over, and the socket is still open."""
    async with opened(limits, url=proxy.url) as database:
        await works(database)
        proxy.say_goodbye()
        await asyncio.sleep(
            0.1
        )  # on its way through the socket; one that comes later finds the connection sound
        with pytest.raises(Unavailable):
            await database.fetch(ONE)
        proxy.cut()
        await until(partial(recovered, database))
        await works(database)


async def recovered(database: Database) -> bool:
    try:
        await database.fetch(ONE)
    except Unavailable:
        return False
    return True


async def test_a_server_that_is_not_there(proxy: Proxy, limits: DatabaseSettings) -> None:
    await proxy.stop()
    with pytest.raises(Unavailable, match="reached"):
        async with opened(limits, url=proxy.url):
            pass


async def test_a_begin_that_never_arrives(proxy: Proxy, limits: DatabaseSettings) -> None:
    async with opened(limits, url=proxy.url) as database:
        acquire = database.acquire

        async def acquire_and_lose() -> Any:
            connection = await acquire()
            proxy.cut()
            return connection

        database.acquire = acquire_and_lose  # type: ignore[method-assign]
        with pytest.raises(Unavailable, match="reached"):
            async with database.transaction() as transaction:
                await add(transaction, "a")
        database.acquire = acquire  # type: ignore[method-assign]
        assert await names(database) == []
        await works(database)


async def test_a_begin_that_is_cancelled(limits: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = asyncio.Event()

    async def never(self: Any) -> None:
        reached.set()
        await asyncio.Event().wait()

    async with opened(limits) as database:

        async def start() -> None:
            async with database.transaction() as transaction:
                await transaction.fetch(ONE)

        with monkeypatch.context() as patched:
            patched.setattr(asyncpg.transaction.Transaction, "start", never)
            task = asyncio.create_task(start())
            await reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await works(database)


async def test_a_server_full_of_connections(limits: DatabaseSettings) -> None:
    connection = await asyncpg.connect(limits.url)
    try:
        await connection.execute("DROP ROLE IF EXISTS one_at_a_time")
        await connection.execute("CREATE ROLE one_at_a_time LOGIN PASSWORD 'x' CONNECTION LIMIT 1")
        parts = urlsplit(limits.url)
        url = urlunsplit(parts._replace(netloc=f"one_at_a_time:x@{parts.netloc.rpartition('@')[2]}"))
        async with opened(limits, url=url, pool_size=2) as database:
            held = await database.acquire()
            try:
                with pytest.raises(Unavailable):
                    await database.fetch(ONE)
            finally:
                await database.release(held)
            await works(database)
    finally:
        await connection.execute("DROP ROLE one_at_a_time")
        await connection.close()


async def test_a_server_that_falls_silent(proxy: Proxy, limits: DatabaseSettings) -> None:
    async with opened(limits, url=proxy.url, statement_timeout=0.5, pool_wait=0.5) as database:
        await works(database)
        proxy.stall()
        with pytest.raises(Unavailable, match="too long"):
            await database.fetch(ONE)
        # Giving the connection back failed too, but it is no longer counted as in use.
        assert gauge(database, "in_use") == 0
