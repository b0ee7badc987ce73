"""What caches must forget is part of the transaction that changes it."""

import pytest

from app.database import Database
from app.jobs import Job
from app.outbox import forget, unsettled_entries
from tests.factories.catalog import run


async def rows(database: Database) -> list[tuple[str, list[str]]]:
    found = await run(database, "SELECT name, payload FROM jobs ORDER BY id")
    return [(row["name"], row["payload"]["entries"]) for row in found]


async def test_written_down_once_with_the_change(database: Database) -> None:
    async with database.transaction() as tx:
        await forget(tx, "a:1", "a:2")
        await forget(tx, "a:2")
        await forget(tx, "a:2", "b:1")
        await forget(tx)
    assert await rows(database) == [
        (Job.FORGET_CACHED, ["a:1", "a:2"]),
        (Job.FORGET_CACHED, ["b:1"]),
    ]
    assert await unsettled_entries(database) == frozenset({"a:1", "a:2", "b:1"})


async def test_not_without_the_change(database: Database) -> None:
    async def undone() -> None:
        async with database.transaction() as tx:
            await forget(tx, "a:1")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await undone()
    assert await unsettled_entries(database) == frozenset()


async def test_other_jobs_are_no_entries(database: Database) -> None:
    await run(
        database,
        "INSERT INTO jobs (name, queue, payload) VALUES ('probe', 'quick', $1)",
        {"entries": ["a:1"]},
    )
    assert await unsettled_entries(database) == frozenset()


async def test_a_list_that_is_too_long_is_none(database: Database) -> None:
    async with database.transaction() as tx:
        await forget(tx, *(f"a:{number}" for number in range(10_000)))
    listed = await unsettled_entries(database)
    assert listed is not None
    assert len(listed) == 10_000
    async with database.transaction() as tx:
        await forget(tx, "b:1")
    assert await unsettled_entries(database) is None
