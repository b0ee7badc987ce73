"""A database with many rows, for the tests of query plans; and an empty one, for the tests of migrations."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.database import Database
from app.settings import DatabaseSettings
from app.telemetry import Metrics
from tests.architecture.plan_sample import STATEMENTS
from tests.conftest import database_at, migrated, once

# A partition's follows that of the whole.
_FOREIGN_KEYS = (
    "SELECT format('ALTER TABLE %s ALTER CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint"
    " WHERE contype = 'f' AND conparentid = 0"
)


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        # To look up all references of a table at once, afterwards, takes a tenth of what each row's own take, which would
        # be a third of the whole. It fails as well where one leads nowhere.
        keys = [row[0] for row in await connection.fetch(_FOREIGN_KEYS)]
        for key in keys:
            await connection.execute(f"{key} NOT ENFORCED")
        for statement in STATEMENTS:
            await connection.execute(statement)
        for key in keys:
            await connection.execute(f"{key} ENFORCED")
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
