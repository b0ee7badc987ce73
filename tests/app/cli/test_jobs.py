import asyncio
import json
import re
from typing import Any

import pytest

from app.database import Database
from app.resources import Resources
from tests.factories.catalog import nothing_written, run
from tests.support.programs import installed
from tests.support.programs import lectern as command
from workers.handlers import HANDLERS
from workers.running import run_job


@pytest.fixture
def variables(database_url: str, redis_url: str, database: Database) -> dict[str, str]:
    return {"LECTERN_DATABASE_URL": database_url, "LECTERN_REDIS_URL": redis_url}


async def lectern(variables: dict[str, str], *arguments: str) -> Any:
    return await asyncio.to_thread(command, "jobs", *arguments, **variables)


async def bury(database: Database, number: int) -> str:
    rows = await run(
        database,
        "INSERT INTO dead_letters (id, name, queue, payload, tries, error, traceback, created_at)"
        " VALUES (uuidv7(), 'probe', 'quick', jsonb_build_object('n', $1::int), 8, 'ValueError: no', 'Traceback', now())"
        " RETURNING id::text",
        number,
    )
    return str(rows[0]["id"])


async def test_nothing_is_said_where_nothing_is(variables: dict[str, str]) -> None:
    result = await asyncio.to_thread(installed, "jobs", "list", **variables)
    assert (result.returncode, result.stdout) == (0, "Nothing waits, nothing failed.\n")
    assert json.loads((await lectern(variables, "list", "--json")).stdout) == {"waiting": [], "dead": []}


async def test_what_waits_and_what_failed(variables: dict[str, str], database: Database) -> None:
    await run(
        database,
        "INSERT INTO jobs (name, queue, payload) SELECT 'probe', 'quick', '{}' FROM generate_series(1, 3)",
    )
    dead = await bury(database, 1)
    result = await lectern(variables, "list")
    assert re.match(r"3 probe wait, the oldest for \d+ s, 0 after a failure\n", result.stdout)
    assert dead in result.stdout
    shown = json.loads((await lectern(variables, "show", dead)).stdout)
    assert (shown["payload"], shown["traceback"]) == ({"n": 1}, "Traceback")


async def test_the_dead_wait_again_or_are_gone(variables: dict[str, str], database: Database) -> None:
    first, second = await bury(database, 1), await bury(database, 2)
    assert (await lectern(variables, "retry", first)).stdout == "1 wait again.\n"
    assert [row["payload"] for row in await run(database, "SELECT payload FROM jobs")] == [{"n": 1}]
    assert (await lectern(variables, "discard", second)).stdout == "1 are gone.\n"
    assert await run(database, "SELECT 1 FROM dead_letters") == []


@pytest.mark.parametrize("verb", ["retry", "discard"])
async def test_of_several_ids_all_or_none(variables: dict[str, str], database: Database, verb: str) -> None:
    dead, unknown = await bury(database, 1), "01a2079d-5265-7795-b2ae-18181ee2890d"
    async with nothing_written(database):
        result = await lectern(variables, verb, dead, unknown)
    assert (result.returncode, result.stdout) == (1, "")
    assert (unknown in result.stderr, dead in result.stderr) == (True, False)
    result = await lectern(variables, verb, dead, dead)
    assert (result.returncode, result.stdout[:2], result.stderr) == (0, "1 ", "")
    assert await run(database, "SELECT 1 FROM dead_letters") == []
    assert len(await run(database, "SELECT 1 FROM jobs")) == (verb == "retry")


@pytest.mark.parametrize("verb", ["show", "retry", "discard"])
async def test_an_unknown_id_is_refused(variables: dict[str, str], verb: str) -> None:
    result = await lectern(variables, verb, "01a2079d-5265-7795-b2ae-18181ee2890d")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1


async def test_a_probe_that_nobody_does_is_told(variables: dict[str, str], database: Database) -> None:
    result = await lectern(variables, "probe", "--timeout", "0.2")
    assert (result.returncode, "No worker" in result.stderr) == (1, True)
    assert len(await run(database, "SELECT 1 FROM jobs")) == 1


async def test_a_probe_is_timed(variables: dict[str, str], resources: Resources) -> None:
    async def work() -> None:
        while True:
            for row in await run(resources.database, "SELECT id FROM jobs"):
                await run_job(resources, HANDLERS, row["id"])
            await asyncio.sleep(0.01)

    worker = asyncio.create_task(work())
    try:
        result = await lectern(variables, "probe", "--json")
    finally:
        worker.cancel()
    assert result.returncode == 0, result.stderr
    assert 0 < json.loads(result.stdout)["milliseconds"] < 10_000


async def test_what_ran_by_the_clock(variables: dict[str, str], database: Database) -> None:
    assert (await lectern(variables, "runs")).stdout.startswith("Nothing has run by the clock yet.")
    await run(
        database,
        "INSERT INTO cron_runs VALUES"
        " ('a', '2026-03-01T03:00Z', '2026-03-01T03:00:01Z', '2026-03-01T03:00:02Z', 'succeeded', '7'),"
        " ('a', '2026-03-02T03:00Z', NULL, NULL, NULL, NULL)",
    )
    assert (await lectern(variables, "runs")).stdout.splitlines() == [
        "2026-03-02 03:00:00 UTC  a  has not ended",
        "2026-03-01 03:00:00 UTC  a  succeeded 2.0 s later  7",
    ]
    (latest,) = json.loads((await lectern(variables, "runs", "--json", "--limit", "1")).stdout)
    assert (latest["name"], latest["outcome"]) == ("a", None)
