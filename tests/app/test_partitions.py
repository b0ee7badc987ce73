"""Partitions are made ahead, by any number of processes at once, while others write."""

import asyncio

import pytest

from app.database import Database, Query
from app.identity.service import audit
from app.identity.service.audit import Attempt
from app.partitions import MONTHS_AHEAD, make_partitions
from app.resources import Resources
from tests.factories.catalog import run

PARTITIONS = Query(
    "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'audit_log'::regclass ORDER BY 1",
    (),
    {},
)
MONTHS = Query(
    "SELECT 'audit_log_' || to_char(now() + n * interval '1 month', 'YYYY_MM') AS name FROM generate_series(0, 12) AS n",
    (),
    {},
)
TRIGGERS = Query(
    "SELECT count(*) AS count FROM pg_trigger"
    " WHERE tgname IN ('append_only', 'not_emptied') AND tgrelid <> 'audit_log'::regclass",
    (),
    {},
)


async def names(database: Database, query: Query = PARTITIONS) -> list[str]:
    return [row["name"] for row in await database.fetch(query)]


async def test_a_migrated_database_has_a_year(database: Database) -> None:
    assert set(await names(database, MONTHS)) <= set(await names(database))
    assert await make_partitions(database) == 0


async def test_missing_months_are_made_once_however_many_ask(crowd: Resources) -> None:
    database = crowd.database
    months = await names(database, MONTHS)
    for month in months[-3:]:
        await run(database, f"DROP TABLE {month}")
    made = await asyncio.gather(*(make_partitions(database) for _ in range(10)))
    assert sorted(made) == [0] * 9 + [3]
    assert set(months) <= set(await names(database))
    # What guards the parent guards each month.
    assert (await database.fetch(TRIGGERS))[0]["count"] == 2 * len(await names(database))


async def test_writers_go_on_meanwhile(crowd: Resources) -> None:
    database = crowd.database
    last = (await names(database, MONTHS))[-1]
    await run(database, f"DROP TABLE {last}")
    async with database.transaction() as writer:
        await audit.record(writer, Attempt("createCourse", "SUCCESS"))
        # Would wait for the writer, and fail at the lock's timeout, if it locked the parent against writers.
        assert await make_partitions(database, months=MONTHS_AHEAD) == 1


async def test_a_detached_month_is_not_made_again(database: Database) -> None:
    last = (await names(database, MONTHS))[-1]
    await run(database, f"ALTER TABLE audit_log DETACH PARTITION {last}")
    try:
        assert await make_partitions(database) == 0
        assert last not in await names(database)
    finally:
        await run(database, f"DROP TABLE {last}")
        assert await make_partitions(database) == 1


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
async def test_months_are_utc_wherever_the_server_is(database: Database, zone: str) -> None:
    async with database.transaction() as tx:
        await tx.fetch_text(f"SET LOCAL timezone = '{zone}'")
        rows = await tx.fetch_text("SELECT make_monthly_partition('audit_log', '2031-05-17') AS made")
        assert rows[0]["made"]
        bound = await tx.fetch_text(
            "SELECT pg_get_expr(relpartbound, oid) AS bound, uuid_floor('2031-05-01Z')::text AS low,"
            " uuid_floor('2031-06-01Z')::text AS high FROM pg_class WHERE relname = 'audit_log_2031_05'"
        )
        assert bound[0]["bound"] == f"FOR VALUES FROM ('{bound[0]['low']}') TO ('{bound[0]['high']}')"
        await tx.fetch_text("DROP TABLE audit_log_2031_05")
