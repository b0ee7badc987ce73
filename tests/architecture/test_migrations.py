"""Migrations form one line, say what the models say, and can be taken back."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from tests.architecture.source_tree import ROOT
from tests.conftest import make_database

# What a schema is made of, as text: equal before and after means that nothing was left or lost.
_FINGERPRINT = """
SELECT 'column', attrelid::regclass::text, attname::text, format_type(atttypid, atttypmod)
       || CASE WHEN attnotnull THEN ' not null ' ELSE ' ' END || attidentity::text || attgenerated::text
       || coalesce(pg_get_expr(adbin, adrelid), '')
FROM pg_attribute
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
JOIN pg_class ON pg_class.oid = attrelid AND relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
WHERE attnum > 0 AND NOT attisdropped
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
          WHERE connamespace = 'public'::regnamespace AND conrelid > 0
UNION ALL SELECT 'function', oid::regprocedure::text, '', prosrc FROM pg_proc
          WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'type', typname, '', typtype::text FROM pg_type
          WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd', 'r')
UNION ALL SELECT 'sequence', relname, '', '' FROM pg_class
          WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
"""


@pytest.fixture
async def empty_url(postgres_server: str, request: pytest.FixtureRequest) -> str:
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    return await make_database(postgres_server, f"migrations_{worker}")


@pytest.fixture
def configuration(empty_url: str) -> Config:
    configuration = Config(ROOT / "alembic.ini")
    configuration.set_main_option("script_location", str(ROOT / "alembic"))
    configuration.set_main_option("sqlalchemy.url", empty_url.replace("%", "%%"))
    return configuration


async def run(step: Callable[..., Any], *arguments: Any) -> None:
    # Alembic's environment starts an event loop of its own.
    await asyncio.to_thread(step, *arguments)


async def fingerprint(url: str) -> set[tuple[str, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return {tuple(map(str, row)) for row in await connection.fetch(_FINGERPRINT)}
    finally:
        await connection.close()


def revisions() -> list[str]:
    """From the first to the last."""
    script = ScriptDirectory(str(ROOT / "alembic"))
    return [revision.revision for revision in script.walk_revisions()][::-1]


def test_there_is_one_head() -> None:
    assert ScriptDirectory(str(ROOT / "alembic")).get_heads() == revisions()[-1:]


async def test_models_and_migrations_agree(configuration: Config) -> None:
    await run(command.upgrade, configuration, "head")
    # Raises where a migration would be needed.
    await run(command.check, configuration)


async def test_every_migration_can_be_taken_back(configuration: Config, empty_url: str) -> None:
    states = [await fingerprint(empty_url)]
    for revision in revisions():
        await run(command.upgrade, configuration, revision)
        states.append(await fingerprint(empty_url))
        # Alembic's own table stays where it is.
        before = {entry for entry in states[-2] if "alembic_version" not in str(entry)}
        await run(command.downgrade, configuration, "-1")
        left = {entry for entry in await fingerprint(empty_url) if "alembic_version" not in str(entry)}
        assert left == before
        await run(command.upgrade, configuration, revision)
        assert await fingerprint(empty_url) == states[-1]
    assert ("column", "courses", "slug") in {entry[:3] for entry in states[-1]}


@pytest.mark.parametrize(
    "instant", ["1970-01-01 00:00:00+00", "2026-07-01 12:30:00.123+02", "9999-12-31 23:59:59+00"]
)
async def test_uuid_floor_is_the_smallest_id_of_its_instant(
    configuration: Config, empty_url: str, instant: str
) -> None:
    await run(command.upgrade, configuration, "head")
    connection = await asyncpg.connect(empty_url)
    try:
        await connection.execute("SET timezone = 'Asia/Tokyo'")
        row = await connection.fetchrow(
            "SELECT uuid_floor(at) AS id, uuid_extract_timestamp(uuid_floor(at)) = at AS exact,"
            " uuid_extract_version(uuid_floor(at)) AS version FROM (SELECT $1::text::timestamptz AS at)",
            instant,
        )
    finally:
        await connection.close()
    assert row is not None
    assert row["exact"]
    assert row["version"] == 7
    assert row["id"].int & (2**76 - 1) == 2**63  # all that is random is zero, the variant is set


async def test_uuid_floor_is_immutable(configuration: Config, empty_url: str) -> None:
    # Otherwise the planner does not prune partitions by it.
    await run(command.upgrade, configuration, "head")
    connection = await asyncpg.connect(empty_url)
    try:
        volatility = await connection.fetchval(
            "SELECT provolatile::text FROM pg_proc WHERE proname = 'uuid_floor'"
        )
    finally:
        await connection.close()
    assert volatility == "i"
