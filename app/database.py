"""PostgreSQL: the tables' base, statements compiled once, short reads and transactions over one asyncpg pool.

SQLAlchemy Core is the language statements are written in; asyncpg runs their text. Compiling at import and running on
the driver about doubles small reads against SQLAlchemy's own async connection (see docs/decisions).
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Protocol

import asyncpg
import orjson
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy
from sqlalchemy import Executable, MetaData
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.orm import DeclarativeBase

from app.errors import Unavailable
from app.settings import DatabaseSettings
from app.telemetry import Metrics, statements

logger = logging.getLogger("lectern.database")

_DIALECT = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
_MISSING = object()


class Base(DeclarativeBase):
    """Every table's base. Constraint names are fixed here, so that migrations can name what they drop."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Query:
    """A statement as PostgreSQL reads it: text with $1, $2, ... and the names that fill them, in order."""

    __slots__ = ("_defaults", "names", "text")

    def __init__(self, text: str, names: Sequence[str], defaults: dict[str, Any]) -> None:
        self.text = text
        self.names = tuple(names)
        self._defaults = tuple(defaults.get(name, _MISSING) for name in self.names)

    def arguments(self, values: dict[str, Any]) -> list[Any]:
        """Values in the statement's order. Raises TypeError for a missing or an unknown name."""
        arguments = [
            values.get(name, default) for name, default in zip(self.names, self._defaults, strict=True)
        ]
        if _MISSING in arguments or not values.keys() <= set(self.names):
            raise TypeError(f"statement takes {sorted(set(self.names))}, was given {sorted(values)}")
        return arguments


def compiled(statement: Executable, *, columns: Iterable[str] | None = None) -> Query:
    """Compiles a Core statement. `columns` names an INSERT's or UPDATE's columns, each a parameter of that name."""
    result = statement.compile(dialect=_DIALECT, column_keys=None if columns is None else list(columns))  # type: ignore[attr-defined]
    defaults = {name: bind.value for name, bind in result.binds.items() if not bind.required}
    return Query(str(result), result.positiontup or (), defaults)


class Fetch(Protocol):
    """What every function of a reads.py takes: the database itself (a short connection) or a transaction."""

    async def fetch(self, query: Query, **values: Any) -> list[Record]: ...


class _Connection(asyncpg.Connection):
    def get_reset_query(self) -> str:
        # We leave no session state behind (no SET, no LISTEN, no advisory session lock on pooled connections), so
        # the usual reset would only cost a round trip at every release.
        return ""


class Transaction:
    """One unit of work. Opens at its first statement, commits where it was made: nobody below the edge commits."""

    def __init__(self, database: "Database") -> None:
        self._database = database
        self._connection: PoolConnectionProxy[Record] | None = None
        self._transaction: asyncpg.transaction.Transaction | None = None
        self._after_commit: list[Callable[[], Awaitable[None]]] = []
        self._changed: set[str] = set()
        self._finished = False

    async def fetch(self, query: Query, **values: Any) -> list[Record]:
        """Runs one statement in the transaction. Returns its rows."""
        return await self.fetch_text(query.text, *query.arguments(values))

    async def fetch_text(self, text: str, *arguments: Any) -> list[Record]:
        """Runs SQL given as text; for bulk statements that Core cannot express well."""
        connection = self._connection or await self._open()
        _count(text)
        with _translated():
            return await connection.fetch(text, *arguments)

    async def fetch_one(self, query: Query, **values: Any) -> Record | None:
        rows = await self.fetch(query, **values)
        return rows[0] if rows else None

    def after_commit(self, action: Callable[[], Awaitable[None]]) -> None:
        """Runs `action` once the transaction is durable; never after a rollback. Redis is written nowhere else."""
        self._after_commit.append(action)

    def changes(self, names: Iterable[str]) -> list[str]:
        """Notes what the transaction changes, for those who `Database.listen`. Returns the names that are new to it."""
        new = sorted(set(names) - self._changed)
        if new and not self._changed:
            self.after_commit(lambda: self._database.tell(self._changed))
        self._changed.update(new)
        return new

    async def _open(self) -> "PoolConnectionProxy[Record]":
        if self._finished:
            raise RuntimeError("the transaction has ended")
        connection = await self._database.acquire()
        self._connection = connection
        begun = connection.transaction()
        with _translated():
            await begun.start()
        # Only now: what has not begun cannot be rolled back. A BEGIN that was cut off is undone by the pool.
        self._transaction = begun
        return connection

    async def finish(self, *, commit: bool) -> None:
        """Called by `Database.transaction` alone."""
        self._finished = True
        try:
            if self._transaction is not None:
                with _translated():
                    await (self._transaction.commit() if commit else self._transaction.rollback())
        finally:
            if self._connection is not None:
                await self._database.release(self._connection)
                self._connection = None
        if commit:
            for action in self._after_commit:
                try:
                    await action()
                except Exception:
                    # What is committed has happened: its caller must not hear that it has not.
                    logger.exception("an action after a commit failed")


class Database:
    """The pool. `fetch` takes a connection for one statement; `transaction` for a unit of work."""

    def __init__(self, settings: DatabaseSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._pool: asyncpg.Pool[Record] | None = None
        self._listeners: list[Callable[[Iterable[str]], Awaitable[None]]] = []

    async def open(self) -> None:
        """Opens the pool with one connection, so that a wrong address shows at the start."""
        settings = self._settings
        with _translated():
            self._pool = await asyncpg.create_pool(
                settings.url.replace("postgresql+asyncpg://", "postgresql://", 1),
                min_size=1,
                max_size=settings.pool_size,
                max_inactive_connection_lifetime=settings.pool_age,
                timeout=settings.connect_timeout,
                # The server gives up first, with a reason; the client's limit catches a server that is silent.
                command_timeout=settings.statement_timeout + 1,
                # Behind PgBouncer each transaction may run on another server connection, which knows no names of ours.
                statement_cache_size=0 if settings.pgbouncer else settings.statement_cache_size,
                max_cached_statement_lifetime=0,
                connection_class=_Connection,
                init=_prepare_connection,
                server_settings=_SESSION if settings.pgbouncer else _SESSION | _limits(settings),
            )

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def fetch(self, query: Query, **values: Any) -> list[Record]:
        """Runs one statement on a connection of its own. Returns its rows. Raises Unavailable."""
        arguments = query.arguments(values)
        connection = await self.acquire()
        try:
            _count(query.text)
            with _translated():
                return await connection.fetch(query.text, *arguments)
        finally:
            await self.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A unit of work: commits when the block ends, rolls back when it raises."""
        transaction = Transaction(self)
        try:
            yield transaction
        except BaseException:
            # The reason counts, not that a lost connection could not be rolled back: the server has done it then.
            with suppress(Unavailable):
                await asyncio.shield(transaction.finish(commit=False))
            raise
        await transaction.finish(commit=True)

    def listen(self, heard: Callable[[Iterable[str]], Awaitable[None]]) -> None:
        """Calls `heard` after each commit, here, with the names that its transaction noted as changed."""
        self._listeners.append(heard)

    async def tell(self, names: Iterable[str]) -> None:
        """Called by `Transaction` alone."""
        for heard in self._listeners:
            await heard(names)

    async def ping(self) -> None:
        """Raises Unavailable when PostgreSQL does not answer."""
        await self.fetch(_PING)

    async def acquire(self) -> "PoolConnectionProxy[Record]":
        """A connection, to be given back with `release`. Raises Unavailable after `pool_wait` seconds."""
        if self._pool is None:
            raise RuntimeError("the database is not open")
        metrics = self._metrics
        began = time.perf_counter()
        metrics.pool_waiting.inc()
        try:
            connection = await self._pool.acquire(timeout=self._settings.pool_wait)
        except TimeoutError:
            raise Unavailable("The database is busy. Please try again.") from None
        except (*_GONE, asyncpg.InterfaceError) as error:
            raise Unavailable(_UNREACHABLE) from error
        finally:
            metrics.pool_waiting.dec()
            metrics.pool_wait_seconds.observe(time.perf_counter() - began)
        metrics.pool_in_use.inc()
        return connection

    async def release(self, connection: "PoolConnectionProxy[Record]") -> None:
        self._metrics.pool_in_use.dec()
        assert self._pool is not None
        try:
            await self._pool.release(connection)
        except (TimeoutError, *_GONE, asyncpg.InterfaceError):
            # The pool has dropped it already. What the statement gave, or why it failed, stands.
            logger.warning("a connection was lost while it was given back", exc_info=True)


_UNREACHABLE = "The database cannot be reached. Please try again."
_GONE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
_PING = Query("SELECT 1", (), {})


def _count(text: str) -> None:
    if (count := statements.get()) is not None:
        count.total += 1
        if count.keep_texts:
            count.texts.append(text)


# PgBouncer keeps these two for each client; it would refuse others.
_SESSION = {"application_name": "lectern", "timezone": "UTC"}


def _limits(settings: DatabaseSettings) -> dict[str, str]:
    return {
        "jit": "off",
        # The default of 4 is the price of a turning disk; with it the planner hashes whole tables instead of looking
        # up a thousand rows.
        "random_page_cost": "1.1",
        "statement_timeout": _milliseconds(settings.statement_timeout),
        "lock_timeout": _milliseconds(settings.lock_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(settings.idle_in_transaction_timeout),
    }


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


async def _prepare_connection(connection: "asyncpg.Connection[Record]") -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name,
            schema="pg_catalog",
            encoder=lambda value: orjson.dumps(value).decode(),
            decoder=orjson.loads,
        )


@contextmanager
def _translated() -> Any:
    """Turns "not now" answers of PostgreSQL into Unavailable; everything else is a bug and passes through."""
    try:
        yield
    except (asyncpg.QueryCanceledError, TimeoutError) as error:
        raise Unavailable("The answer took too long. Please try again.") from error
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
        raise Unavailable("Somebody else is changing the same thing. Please try again.") from error
    except _GONE as error:
        raise Unavailable(_UNREACHABLE) from error
    except asyncpg.InternalClientError as error:
        # The server has said goodbye to a connection that was idle, and the socket is not closed yet: the driver still
        # reads the farewell (its state 2) when we ask for something.
        if "another operation (2) is in progress" not in str(error):
            raise
        raise Unavailable(_UNREACHABLE) from error
    except asyncpg.InterfaceError as error:
        # The library's word for a connection that the server has closed, and also for mistakes of ours.
        if not any(word in str(error) for word in ("is closed", "was closed", "released back")):
            raise
        raise Unavailable(_UNREACHABLE) from error
