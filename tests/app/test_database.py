"""Statements and transactions of a pool: arguments, commits, waits, limits, cancellation."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import asyncpg
import pytest
from sqlalchemy import BigInteger, bindparam, select

from app.database import Database, compiled
from app.errors import Unavailable
from app.identity.models import User
from app.resources import Resources
from app.settings import DatabaseSettings, Settings
from app.telemetry import Metrics, StatementCount, statements
from tests.app.pools import NAMES, ONE, SLEEP, add, ask, gauge, names, opened, until, works


@pytest.fixture
def limits(resources: Resources, settings: Settings) -> DatabaseSettings:
    return settings.database


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
        await database.fetch(ONE)


async def test_statements_are_counted_where_they_run(database: Database) -> None:
    counted = StatementCount(keep_texts=True)
    token = statements.set(counted)
    try:
        await database.fetch(ONE)
        async with database.transaction() as transaction:
            await transaction.fetch(ONE)
    finally:
        statements.reset(token)
    assert (counted.total, counted.texts) == (2, [ONE.text, ONE.text])


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


async def test_an_action_that_fails_after_the_commit_is_logged_and_stops_nothing(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    ran = []

    async def fail() -> None:
        raise ValueError("the reason")

    async def note() -> None:
        ran.append("next")

    async with database.transaction() as transaction:
        await add(transaction, "a")
        transaction.after_commit(fail)
        transaction.after_commit(note)
    assert (await names(database), ran) == (["a"], ["next"])
    assert "the reason" in caplog.text


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
            for take in (lambda: database.fetch(ONE), database.acquire):
                with pytest.raises(Unavailable, match="busy"):
                    await take()
            assert (gauge(database, "in_use"), gauge(database, "waiting")) == (1, 0)
        finally:
            await database.release(held)
        await works(database)


Attempt = Callable[[Database], Coroutine[Any, Any, None]]


async def statement(database: Database) -> None:
    await database.fetch(SLEEP)


async def in_transaction(database: Database) -> None:
    async with database.transaction() as transaction:
        await add(transaction, "a")
        await transaction.fetch(SLEEP)


@pytest.mark.parametrize("attempt", [statement, in_transaction])
async def test_a_statement_that_takes_too_long(limits: DatabaseSettings, attempt: Attempt) -> None:
    async with opened(limits, statement_timeout=0.5) as database:
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


async def sleeping(limits: DatabaseSettings) -> bool:
    return bool(
        await ask(
            limits,
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active' "
            "AND datname = current_database()",
        )
    )


async def test_cancellation_while_waiting_for_a_connection(limits: DatabaseSettings) -> None:
    async with opened(limits) as database:
        held = await database.acquire()
        waiting = [asyncio.create_task(database.fetch(ONE)) for _ in range(3)]
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
                await impatient.fetch(NAMES)
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
