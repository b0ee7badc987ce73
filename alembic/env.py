"""Runs migrations over asyncpg, under a lock of their own and with short timeouts, so that a deploy never queues behind itself."""

import asyncio
import re
from typing import Any

from alembic import context
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import app.catalog.models
import app.identity.models
import app.learning.models
import app.notifications.models
import app.operations.models
import app.outbox.models  # noqa: F401 - the tables register themselves
from app.database import Base
from app.settings import DatabaseSettings

# Any number that no other advisory lock of this database uses.
_MIGRATION_LOCK = 7_305_811_941


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Partitions come and go while the program runs; the models name their parents alone."""
    month = (
        kind == "table" and name is not None and re.fullmatch(r"(.+)_([0-9]{4}(_[0-9]{2})?|hash[0-9]+)", name)
    )
    return not month or month[1] not in Base.metadata.tables


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_server_default=True,
        include_name=_is_ours,
    )
    with context.begin_transaction():
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text("SET LOCAL statement_timeout = '10min'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        context.run_migrations()


async def _online() -> None:
    address = context.config.get_main_option("sqlalchemy.url") or DatabaseSettings().url
    engine = create_async_engine(
        address.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


asyncio.run(_online())
