"""The job that makes Redis forget: twice, and not done before."""

import pytest

from app.database import Database
from app.errors import Unavailable
from app.jobs import Job
from app.outbox import forget, unsettled_entries
from app.resources import Resources
from tests.factories.catalog import run
from workers.handlers import HANDLERS
from workers.running import run_job


async def test_redis_is_told_twice_before_the_entries_are_settled(
    resources: Resources, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.transaction() as tx:
        await forget(tx, "a:1", "a:2")
    told: list[tuple[list[str], bool]] = []
    fails = [True, False, True, False, False]

    async def hear(entries: list[str]) -> None:
        told.append((sorted(entries), await unsettled_entries(database) == frozenset({"a:1", "a:2"})))
        if fails.pop(0):
            raise Unavailable("away")

    monkeypatch.setattr(resources.cache._store, "forget", hear)
    monkeypatch.setattr("workers.cache.SETTLING", 0.0)
    job = (await run(database, "SELECT id FROM jobs WHERE name = $1", Job.FORGET_CACHED))[0]["id"]
    outcomes = []
    for _ in range(3):
        await run(database, "UPDATE jobs SET due_at = now()")
        outcomes.append(await run_job(resources, HANDLERS, job))
    assert outcomes == ["again", "again", "succeeded"]
    assert told == [(["a:1", "a:2"], True)] * 5
    assert await unsettled_entries(database) == frozenset()
