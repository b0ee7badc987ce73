"""One small read through `Database.fetch` and through SQLAlchemy's async connection: why there is one asyncpg pool."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import uvloop
from rich.console import Console
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.database import Database, compiled
from app.identity.models import User
from app.settings import DatabaseSettings
from app.telemetry import Metrics

_ROUNDS = 9
_READS = 1500

_STATEMENT = select(User.id, User.name, User.role).where(User.id == bindparam("id"))
_QUERY = compiled(_STATEMENT)


def run(console: Console, database_url: str) -> None:
    """Prints reads a second, one after the other, medians of interleaved rounds."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ours, theirs = runner.run(_measure(database_url))
    console.print(f"Database.fetch:                {ours:8,.0f} reads/s")
    console.print(f"SQLAlchemy's async connection: {theirs:8,.0f} reads/s")
    console.print(f"ratio: {ours / theirs:.2f}")


async def _measure(database_url: str) -> tuple[float, float]:
    database = Database(DatabaseSettings(url=database_url), Metrics())
    await database.open()
    # No transaction of its own around one read: the way that favours SQLAlchemy.
    engine = create_async_engine(
        database_url.replace("postgresql://", "postgresql+asyncpg://", 1), isolation_level="AUTOCOMMIT"
    )
    try:
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(_ROUNDS):
            ours.append(await _rate(lambda number: _fetch(database, number)))
            theirs.append(await _rate(lambda number: _connect(engine, number)))
        return statistics.median(ours), statistics.median(theirs)
    finally:
        await engine.dispose()
        await database.close()


async def _fetch(database: Database, number: int) -> tuple[object, ...]:
    return tuple((await database.fetch(_QUERY, id=number))[0])


async def _connect(engine: AsyncEngine, number: int) -> tuple[object, ...]:
    async with engine.connect() as connection:
        return tuple((await connection.execute(_STATEMENT, {"id": number})).one())


async def _rate(read: Callable[[int], Awaitable[tuple[object, ...]]]) -> float:
    began = time.perf_counter()
    for step in range(_READS):
        number = step % 400 + 1
        row = await read(number)
        if row != (number, f"Instructor Number {number}", "instructor"):
            raise RuntimeError(f"wrong row for {number}: {row}")
    return _READS / (time.perf_counter() - began)
