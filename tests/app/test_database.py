"""The pool, statements and transactions: what goes wrong outside becomes Unavailable, and nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import BigInteger, bindparam, insert, select

from app.database import Database, Query, Transaction, compiled
from app.errors import Unavailable
from app.identity.models import User
from app.resources import Resources
from app.settings import DatabaseSettings, Settings
from app.telemetry import Metrics, StatementCount, statements

_SLEEP = Query("SELECT pg_sleep(60)", (), {})
_ONE = Query("SELECT 1 AS one", (), {})
_PROCESS = Query("SELECT pg_backend_pid()", (), {})
_ADD = compiled(insert(User), columns=("email", "email_key", "name", "role"))
_NAMES = compiled(select(User.name).order_by(User.name))


@asynccontextmanager
async def opened(settings: DatabaseSettings, **changes: Any) -> AsyncIterator[Database]:
    """A pool of one connection, with limits of its own."""
    database = Database(settings.model_copy(update={"pool_size": 1} | changes), Metrics())
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
def limits(resources: Resources, settings: Settings) -> DatabaseSettings:
    return settings.database


async def add(transaction: Transaction, name: str) -> None:
    await transaction.fetch(_ADD, email=name, email_key=name, name=name, role="student")


async def names(database: Database) -> list[str]:
    return [row["name"] for row in await database.fetch(_NAMES)]


def gauge(database: Database, name: str) -> float | None:
    return database._metrics.registry.get_sample_value(f"lectern_database_pool_{name}")


async def works(database: Database) -> None:
    """The pool's only connection is free, sound and in no transaction."""
    assert [tuple(row) for row in await database.fetch(_ONE)] == [(1,)]
    assert (gauge(database, "in_use"), gauge(database, "waiting")) == (0, 0)


class Proxy:
    """Stands between a pool and PostgreSQL, so that a test can take the server away."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
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
                target.write(data)
                await target.drain()
        target.close()

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
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def proxy(limits: DatabaseSettings) -> AsyncIterator[Proxy]:
    proxy = Proxy(limits.url)
    await proxy.start()
    yield proxy
    await proxy.stop()


NAMED = compiled(
    select(User.id).where(User.id == bindparam("id", type_=BigInteger), User.name == bindparam("name"))
)


def test_arguments_are_put_in_order() -> None:
    assert NAMED.arguments({"name": "n", "id": 1}) == [1, "n"]
    assert NAMED.text.count("$") == 2


@pytest.mark.parametrize("values", [{}, {"id": 1}, {"id": 1, "name": "n", "more": 1}, {"id": 1, "nmae": "n"}])
def test_wrong_arguments_are_a_mistake_of_ours(values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"takes \['id', 'name'\], was given"):
        NAMED.arguments(values)


def test_none_is_an_argument() -> None:
    assert NAMED.arguments({"id": None, "name": None}) == [None, None]


def test_values_in_a_statement_are_its_defaults() -> None:
    query = compiled(select(User.id).where(User.name == "fixed", User.id == bindparam("id")))
    assert query.arguments({"id": 1}) == ["fixed", 1]


def test_a_parameter_used_twice_is_given_once() -> None:
    query = compiled(select(User.id).where((User.id == bindparam("id")) | (User.id > bindparam("id"))))
    assert query.arguments({"id": 1}) in ([1], [1, 1])


async def test_wrong_arguments_take_no_connection(limits: DatabaseSettings) -> None:
    database = Database(limits, Metrics())
    with pytest.raises(TypeError):
        await database.fetch(NAMED)
    with pytest.raises(RuntimeError, match="not open"):
        await database.fetch(_ONE)


async def test_statements_are_counted_where_they_run(database: Database) -> None:
    counted = StatementCount(keep_texts=True)
    token = statements.set(counted)
    try:
        await database.fetch(_ONE)
        async with database.transaction() as transaction:
            await transaction.fetch(_ONE)
    finally:
        statements.reset(token)
    assert (counted.total, counted.texts) == (2, [_ONE.text, _ONE.text])


async def test_a_transaction_commits(database: Database) -> None:
    async with database.transaction() as transaction:
        await add(transaction, "a")
        await add(transaction, "b")
    assert await names(database) == ["a", "b"]


@pytest.mark.parametrize("error", [ValueError, Unavailable, KeyboardInterrupt, asyncio.CancelledError])
async def test_a_transaction_that_raises_is_rolled_back(
    database: Database, error: type[BaseException]
) -> None:
    async def fail() -> None:
        async with database.transaction() as transaction:
            await add(transaction, "a")
            raise error("reason")

    with pytest.raises(error, match="reason"):
        await fail()
    assert await names(database) == []
    await works(database)


async def test_a_statement_that_fails_rolls_back(database: Database) -> None:
    async def twice() -> None:
        async with database.transaction() as transaction:
            await add(transaction, "a")
            await add(transaction, "a")

    with pytest.raises(asyncpg.UniqueViolationError):
        await twice()
    assert await names(database) == []
    await works(database)


async def test_a_transaction_without_a_statement_takes_no_connection(limits: DatabaseSettings) -> None:
    closed = Database(limits, Metrics())
    async with closed.transaction():
        pass


async def test_after_commit_runs_once_it_is_durable(limits: DatabaseSettings) -> None:
    seen: list[list[str]] = []
    async with opened(limits) as database:

        async def look() -> None:
            seen.append(await names(database))

        async with database.transaction() as transaction:
            transaction.after_commit(look)
            await add(transaction, "a")
            transaction.after_commit(look)
            assert seen == []
        assert seen == [["a"], ["a"]]


async def test_after_commit_never_runs_after_a_rollback(database: Database) -> None:
    ran = False

    async def action() -> None:
        nonlocal ran
        ran = True

    async def fail() -> None:
        async with database.transaction() as transaction:
            transaction.after_commit(action)
            await add(transaction, "a")
            raise ValueError("reason")

    async def fail_to_commit() -> None:
        async with database.transaction() as transaction:
            transaction.after_commit(action)
            await transaction.fetch_text(
                "CREATE TEMP TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP"
            )
            await transaction.fetch_text("INSERT INTO t VALUES (1), (1)")

    with pytest.raises(ValueError, match="reason"):
        await fail()
    with pytest.raises(asyncpg.UniqueViolationError):
        await fail_to_commit()
    assert not ran
    await works(database)


async def test_who_waits_too_long_for_a_connection_hears_so(limits: DatabaseSettings) -> None:
    async with opened(limits, pool_wait=0.05) as database:
        held = await database.acquire()
        try:
            for take in (lambda: database.fetch(_ONE), database.acquire):
                with pytest.raises(Unavailable, match="busy"):
                    await take()
            assert (gauge(database, "in_use"), gauge(database, "waiting")) == (1, 0)
        finally:
            await database.release(held)
        await works(database)


Attempt = Callable[[Database], Coroutine[Any, Any, None]]


async def statement(database: Database) -> None:
    await database.fetch(_SLEEP)


async def in_transaction(database: Database) -> None:
    async with database.transaction() as transaction:
        await add(transaction, "a")
        await transaction.fetch(_SLEEP)


@pytest.mark.parametrize("attempt", [statement, in_transaction])
async def test_a_statement_that_takes_too_long(limits: DatabaseSettings, attempt: Attempt) -> None:
    async with opened(limits, statement_timeout=0.1) as database:
        with pytest.raises(Unavailable, match="too long"):
            await attempt(database)
        assert await names(database) == []
        await works(database)


@pytest.mark.parametrize("attempt", [statement, in_transaction])
async def test_cancellation_gives_the_connection_back(limits: DatabaseSettings, attempt: Attempt) -> None:
    async with opened(limits, statement_timeout=60.0) as database:
        task = asyncio.create_task(attempt(database))
        await until(partial(sleeping, limits))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await names(database) == []
        await works(database)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(1_000):
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


async def sleeping(limits: DatabaseSettings) -> bool:
    return bool(
        await ask(
            limits,
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active' "
            "AND datname = current_database()",
        )
    )


async def gone(limits: DatabaseSettings, process: int) -> bool:
    return not await ask(limits, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", process)


async def test_cancellation_while_waiting_for_a_connection(limits: DatabaseSettings) -> None:
    async with opened(limits) as database:
        held = await database.acquire()
        waiting = [asyncio.create_task(database.fetch(_ONE)) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert gauge(database, "waiting") == 3
        waiting[0].cancel()
        waiting[2].cancel()
        await database.release(held)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError, list, asyncio.CancelledError]
        await works(database)


async def test_a_lock_that_others_hold(limits: DatabaseSettings, database: Database) -> None:
    async with opened(limits, lock_timeout=0.05) as impatient:
        async with database.transaction() as holder:
            await add(holder, "a")
            await holder.fetch_text("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(Unavailable, match="Somebody else"):
                await impatient.fetch(_NAMES)
        assert await names(impatient) == ["a"]
        await works(impatient)


async def test_a_deadlock_ends_as_unavailable(limits: DatabaseSettings) -> None:
    order = [asyncio.Event(), asyncio.Event()]

    async def lock(database: Database, first: int) -> str:
        try:
            async with database.transaction() as transaction:
                await transaction.fetch_text(f"SELECT pg_advisory_xact_lock({first})")
                order[first].set()
                await order[1 - first].wait()
                await transaction.fetch_text(f"SELECT pg_advisory_xact_lock({1 - first})")
        except Unavailable:
            return "unavailable"
        return "done"

    patient = {"pool_size": 2, "lock_timeout": 30.0, "statement_timeout": 30.0}
    async with opened(limits, **patient) as database:
        assert sorted(await asyncio.gather(lock(database, 0), lock(database, 1))) == ["done", "unavailable"]
        await works(database)


async def test_a_transaction_that_sits_idle_is_ended(limits: DatabaseSettings) -> None:
    async with opened(limits, idle_in_transaction_timeout=0.05) as database:

        async def dawdle() -> None:
            async with database.transaction() as transaction:
                await add(transaction, "a")
                rows = await transaction.fetch(_PROCESS)
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
        rows = await database.fetch(_PROCESS)
        await terminate(limits, rows[0][0])
        with suppress(Unavailable):  # the first may hear of it
            await database.fetch(_ONE)
        await works(database)
        rows_after = await database.fetch(_PROCESS)
        assert rows_after != rows


@pytest.mark.parametrize("again", [True, False])
async def test_a_connection_that_dies_in_a_transaction(limits: DatabaseSettings, again: bool) -> None:
    async with opened(limits) as database:

        async def attempt() -> None:
            async with database.transaction() as transaction:
                await add(transaction, "a")
                rows = await transaction.fetch(_PROCESS)
                await terminate(limits, rows[0][0])
                if again:
                    await transaction.fetch(_ONE)

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
                await tx.fetch(_ONE)

        for attempt in (lambda: database.fetch(_ONE), transaction, database.ping, database.acquire):
            with pytest.raises(Unavailable, match="reached"):
                await attempt()
        await proxy.start()
        await works(database)


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
        with monkeypatch.context() as patched:
            patched.setattr(asyncpg.transaction.Transaction, "start", never)
            task = asyncio.create_task(in_transaction(database))
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
                    await database.fetch(_ONE)
            finally:
                await database.release(held)
            await works(database)
    finally:
        await connection.execute("DROP ROLE one_at_a_time")
        await connection.close()
