import asyncpg
import pytest

from app.partitions import MONTHS_AHEAD
from app.resources import Resources
from tests.app.test_partitions import MONTHS, names
from tests.factories.catalog import run
from workers.partitions import make_partitions
from workers.schedule import SCHEDULE


async def test_a_missing_month_is_made(resources: Resources) -> None:
    months = await names(resources.database, MONTHS)
    await run(resources.database, f"DROP TABLE {months[-1]}")
    assert await make_partitions(resources) == 1
    assert await make_partitions(resources) == 0
    assert months[-1] in await names(resources.database)


# Written out: a table that is taken off the list that the clock goes by must fail here.
@pytest.mark.parametrize(
    ("table", "columns", "values"),
    [
        ("audit_log", "action, outcome", "'createCourse', 'SUCCESS'"),
        ("enrollment_events", "user_id, course_id, kind, generation", "1, 1, 'enrolled', 1"),
        (
            "watch_sessions",
            "user_id, video_id, course_id, viewing_key, started_at, ended_at, device_class",
            "1, 1, 1, 'k', now(), now(), 'desktop'",
        ),
    ],
)
async def test_the_clock_makes_the_months_to_come_which_take_rows(
    resources: Resources, table: str, columns: str, values: str
) -> None:
    database = resources.database
    (cron,) = (cron for cron in SCHEDULE if cron.name == "make-partitions")
    # In the middle of the next month, and in the last of the year ahead.
    for months in (1, MONTHS_AHEAD):
        moment = f"date_trunc('month', now(), 'UTC') + interval '{months} months 14 days'"
        (row,) = await run(database, f"SELECT '{table}_' || to_char({moment}, 'YYYY_MM') AS name")
        await run(database, f"DROP TABLE {row['name']}")
        insert = f"INSERT INTO {table} (id, {columns}) VALUES (uuid_floor({moment}), {values})"
        with pytest.raises(asyncpg.CheckViolationError):
            await run(database, insert)
        assert await cron.run(resources) == 1
        await run(database, insert)
        where = f"WHERE id = uuid_floor({moment})"
        (found,) = await run(database, f"SELECT tableoid::regclass::text AS name FROM {table} {where}")
        assert found["name"] == row["name"]
