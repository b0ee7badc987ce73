"""Real services for every test: a migrated database and a Valkey per worker, real commits, all rows deleted after a test.

The pool holds ONE connection unless a test asks for the `crowd` fixture: whoever awaits a second one while holding the
first stops right here.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

import app.catalog.models
import app.identity.models
import app.learning.models
import app.notifications.models
import app.operations.models
import app.outbox.models  # noqa: F401 - the tables register themselves, of all that is to be emptied
from app.database import Base, Database
from app.embedded import EmbeddedValkey
from app.partitions import MONTHLY_TABLES
from app.resources import Resources, open_resources
from app.settings import CacheSettings, DatabaseSettings, Mode, RedisSettings, Settings
from tests.support import services
from tests.support.api import Api
from tests.support.cache import forget_everything
from tests.support.mailbox import discard_mails
from tests.support.pgbouncer import pgbouncer

ROOT = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pgbouncer", action="store_true", help="Go to the database through a PgBouncer.")


def pytest_configure_node(node: Any) -> None:
    services.hand_to_worker(node)


def pytest_unconfigure(config: pytest.Config) -> None:
    services.stop_services()


def migrate(url: str) -> None:
    """Brings a database to the head revision. Starts an event loop of its own: call it from a thread without one."""
    configuration = Config(ROOT / "alembic.ini")
    configuration.set_main_option("script_location", str(ROOT / "alembic"))
    configuration.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    command.upgrade(configuration, "head")


def database_at(server: str, name: str) -> str:
    """The URL of another database of the same server."""
    head, _, tail = server.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{tail}" if tail else "")


async def make_database(server: str, name: str, *, template: str = "template1") -> str:
    """An empty database on the suite's server, or a copy of another that nobody is connected to. Returns its URL."""
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()
    return database_at(server, name)


async def make_migrated_database(server: str, name: str) -> str:
    """A database at the head revision: a copy of one that is migrated once for the whole suite. Returns its URL."""
    return await make_database(server, name, template=await migrated(server))


async def migrated(server: str) -> str:
    """Name of a database at the head revision, to be copied."""
    return await once(server, "migrated", _fill_migrated)


async def _fill_migrated(url: str) -> None:
    await asyncio.to_thread(migrate, url)
    connection = await asyncpg.connect(url)
    try:
        # On the first of a month, what tests date back by an hour belongs to the month before.
        await connection.execute(
            "SELECT make_monthly_partition(parent, (now() - interval '1 month')::date) FROM unnest($1::text[]) AS parent",
            list(MONTHLY_TABLES),
        )
    finally:
        await connection.close()


async def once(
    server: str, name: str, fill: Callable[[str], Awaitable[None]], *, template: str = "template1"
) -> str:
    """A database that whichever of the suite's processes comes first makes and fills. Returns its name."""
    connection = await asyncpg.connect(server)
    try:
        # The others wait, and find it made.
        await connection.fetch("SELECT pg_advisory_lock(hashtextextended($1, 0))", name)
        if not await connection.fetch("SELECT FROM pg_database WHERE datname = $1", name):
            await fill(await make_database(server, f"{name}_draft", template=template))
            await connection.execute(f'ALTER DATABASE "{name}_draft" RENAME TO "{name}"')
    finally:
        await connection.close()
    return name


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> str:
    return services.suite_postgres(request.config)


@pytest.fixture(scope="session")
async def database_url(postgres_server: str, request: pytest.FixtureRequest) -> str:
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    return await make_migrated_database(postgres_server, f"test_{worker}")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with services.worker_valkey() as url:
        yield url


@pytest.fixture(scope="session")
def pool_settings(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[DatabaseSettings]:
    """One connection, patient on a busy machine; through PgBouncer more than it has to the server, so that they are shared."""
    if not request.config.getoption("--pgbouncer"):
        yield DatabaseSettings(url=database_url, pool_size=1, pool_wait=30, statement_timeout=20)
        return
    with pgbouncer(database_url, tmp_path_factory.mktemp("pgbouncer")) as url:
        yield DatabaseSettings(url=url, pool_size=8, pool_wait=30, pgbouncer=True)


@pytest.fixture(scope="session")
def settings(
    pool_settings: DatabaseSettings, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    return Settings(
        mode=Mode.DEVELOPMENT,
        home=tmp_path_factory.mktemp("home"),
        database=pool_settings,
        redis=RedisSettings(url=redis_url),
        # Patient, so that on a busy machine nothing is computed that a test means to find.
        cache=CacheSettings(timeout=10),
    )


@pytest.fixture(scope="session")
async def _session_resources(settings: Settings) -> AsyncIterator[Resources]:
    async with open_resources(settings) as resources:
        yield resources


@pytest.fixture
async def resources(_session_resources: Resources) -> AsyncIterator[Resources]:
    yield _session_resources
    discard_mails(_session_resources)
    await _delete_everything(_session_resources.database)
    await forget_everything(_session_resources)


# Its trigger refuses DELETE to everybody; only a superuser may look away.
_EMPTY_AUDIT_LOG = """
DO $$ BEGIN
    SET LOCAL session_replication_role = replica;
    DELETE FROM audit_log;
    SET LOCAL session_replication_role = origin;
END $$"""


async def _delete_everything(database: Database) -> None:
    # In an order that foreign keys allow, and only where there are rows: to look into all tables takes a tenth of a
    # millisecond, a DELETE of a few rows as long for each, TRUNCATE a hundred milliseconds.
    tables = _tables()
    look = f"SELECT {', '.join(f'EXISTS (SELECT FROM {table}) AS {table}' for table in tables)}"
    async with database.transaction() as transaction:
        (filled,) = await transaction.fetch_text(look)
        for table in tables:
            if filled[table]:
                await transaction.fetch_text(
                    _EMPTY_AUDIT_LOG if table == "audit_log" else f"DELETE FROM {table}"
                )


@cache
def _tables() -> list[str]:
    """All, those that refer to others before them."""
    return [table.name for table in reversed(Base.metadata.sorted_tables)]


@pytest.fixture
def database(resources: Resources) -> Database:
    return resources.database


@pytest.fixture
async def crowd(resources: Resources, settings: Settings) -> AsyncIterator[Resources]:
    """Resources with 20 connections, for tests in which many act at once."""
    many = settings.model_copy(
        update={"database": settings.database.model_copy(update={"pool_size": 20, "lock_timeout": 20.0})}
    )
    async with open_resources(many) as opened:
        yield opened


@pytest.fixture
def api(resources: Resources) -> Api:
    return Api(resources)


@pytest.fixture
def crowd_api(crowd: Resources) -> Api:
    return Api(crowd)


@pytest.fixture(scope="session")
def keeping_redis_url() -> Iterator[str]:
    """A Valkey that keeps what it is given, as production's for viewers' progress."""
    with services.temporary_home() as home:
        valkey = EmbeddedValkey(home / "valkey")
        valkey.start()
        try:
            yield valkey.url
        finally:
            valkey.stop()
