"""A database with many rows, for the tests of query plans; and an empty one, for the tests of migrations."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.database import Database
from app.settings import DatabaseSettings
from app.telemetry import Metrics
from tests.architecture.plan_sample import STATEMENTS
from tests.conftest import database_at, migrated, once


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        # The rows fit together: without looking each foreign key up a third of the time is saved.
        await connection.execute("SET session_replication_role = replica")
        for statement in STATEMENTS:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
async def filled_url(postgres_server: str) -> str:
    """Made once for the whole suite. Nobody writes to it."""
    return database_at(
        postgres_server, await once(postgres_server, "plans", _fill, template=await migrated(postgres_server))
    )


@pytest.fixture(scope="session")
async def filled(filled_url: str) -> AsyncIterator[Database]:
    """The filled database through the program's own pool, and so with the program's own session settings."""
    database = Database(DatabaseSettings(url=filled_url, pool_size=1, statement_timeout=10), Metrics())
    await database.open()
    yield database
    await database.close()
