"""A database with many rows, for the tests of query plans; and an empty one, for the tests of migrations."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.database import Database
from app.settings import DatabaseSettings
from app.telemetry import Metrics
from tests.architecture.plan_sample import STATEMENTS
from tests.conftest import make_database, migrate

# Any number: whoever holds it fills the database, the suite's other processes wait and then use it too.
_FILLING = 7_305_811_942


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in STATEMENTS:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
async def filled_url(postgres_server: str) -> str:
    """Made once for the whole suite. Nobody writes to it."""
    head, _, tail = postgres_server.partition("?")
    url = f"{head.rsplit('/', 1)[0]}/plans" + (f"?{tail}" if tail else "")
    connection = await asyncpg.connect(postgres_server)
    try:
        await connection.fetch("SELECT pg_advisory_lock($1)", _FILLING)
        if not await connection.fetch("SELECT FROM pg_database WHERE datname = 'plans'"):
            draft = await make_database(postgres_server, "plans_draft")
            await asyncio.to_thread(migrate, draft)
            await _fill(draft)
            await connection.execute("ALTER DATABASE plans_draft RENAME TO plans")
    finally:
        await connection.close()
    return url


@pytest.fixture(scope="session")
async def filled(filled_url: str) -> AsyncIterator[Database]:
    """The filled database through the program's own pool, and so with the program's own session settings."""
    database = Database(DatabaseSettings(url=filled_url, pool_size=1, statement_timeout=10), Metrics())
    await database.open()
    yield database
    await database.close()
