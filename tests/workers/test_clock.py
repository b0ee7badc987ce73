"""What is due is asked for once, a moment that was missed is made up for, and every run is recorded."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.errors import Unavailable
from app.jobs import Job
from app.outbox import begin_run, latest_runs
from app.resources import Resources
from tests.factories.catalog import run
from workers.clock import Clock, run_scheduled
from workers.running import run_job
from workers.schedule import Cron

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def fine(_resources: Resources) -> int:
    return 7


async def broken(_resources: Resources) -> None:
    raise RuntimeError("as arranged")


async def away(_resources: Resources) -> None:
    raise Unavailable("Not now.")


async def endless(_resources: Resources) -> None:
    await asyncio.sleep(3600)


def entry(job: Any = fine, name: str = "hourly", limit: float = 300) -> Cron:
    return Cron(name, job, every=HOUR, limit=limit)


async def waiting(resources: Resources) -> list[Any]:
    return list(await run(resources.database, "SELECT id, payload FROM jobs ORDER BY payload->>'due_at'"))


async def recorded(resources: Resources) -> list[tuple[Any, ...]]:
    return [
        (
            row["due_at"],
            row["outcome"],
            row["result"],
            row["started_at"] is not None,
            row["ended_at"] is not None,
        )
        for row in reversed(await latest_runs(resources.database, 100))
    ]


async def carried_out(resources: Resources, *schedule: Cron) -> list[str]:
    handlers = {Job.SCHEDULED: run_scheduled(schedule)}
    return [await run_job(resources, handlers, row["id"]) for row in await waiting(resources)]


async def test_each_moment_is_a_run(resources: Resources) -> None:
    clock = Clock(resources, [entry()])
    for minutes in (0, 1, 59):
        await clock.look(NOON + timedelta(minutes=minutes))
    assert [row["payload"]["name"] for row in await waiting(resources)] == ["hourly"]
    assert await recorded(resources) == [(NOON, None, None, False, False)]
    assert await carried_out(resources, entry()) == ["succeeded"]
    await clock.look(NOON + timedelta(minutes=60))
    assert await carried_out(resources, entry()) == ["succeeded"]
    assert await recorded(resources) == [
        (NOON, "succeeded", "7", True, True),
        (NOON + HOUR, "succeeded", "7", True, True),
    ]


async def test_workers_that_look_at_once_ask_once(crowd: Resources) -> None:
    table = [entry(name=f"hourly{number}") for number in range(10)]
    await asyncio.gather(*(Clock(crowd, table).look(NOON) for _ in range(10)))
    assert len(await waiting(crowd)) == 10
    await asyncio.gather(*(Clock(crowd, table).look(NOON + HOUR) for _ in range(10)))
    # None of the runs has ended: the next ones wait for their turn.
    assert len(await waiting(crowd)) == 10
    assert len(await recorded(crowd)) == 10


async def test_what_was_missed_is_made_up_for_once(resources: Resources) -> None:
    await Clock(resources, [entry()]).look(NOON)
    assert await carried_out(resources, entry()) == ["succeeded"]
    await Clock(resources, [entry()]).look(NOON + 5 * HOUR + timedelta(minutes=50))
    assert await carried_out(resources, entry()) == ["succeeded"]
    assert [run[0] for run in await recorded(resources)] == [NOON, NOON + 5 * HOUR]


async def test_a_long_run_is_not_overtaken(resources: Resources) -> None:
    clock = Clock(resources, [entry()])
    await clock.look(NOON)
    await clock.look(NOON + HOUR)
    assert [run[0] for run in await recorded(resources)] == [NOON]
    assert await carried_out(resources, entry()) == ["succeeded"]
    await clock.look(NOON + HOUR)
    assert [run[0] for run in await recorded(resources)] == [NOON, NOON + HOUR]


@pytest.mark.parametrize(
    ("job", "limit", "result"),
    [(broken, 300, "RuntimeError: as arranged"), (endless, 0.05, "TimeoutError: ")],
)
async def test_a_failure_is_the_end_of_that_run(
    resources: Resources, job: Any, limit: float, result: str
) -> None:
    table = [entry(job, limit=limit)]
    await Clock(resources, table).look(NOON)
    assert await carried_out(resources, *table) == ["succeeded"]  # the job, which was to try and to record
    assert await recorded(resources) == [(NOON, "failed", result, True, True)]
    assert await waiting(resources) == []


async def test_an_outage_is_waited_out(resources: Resources) -> None:
    await Clock(resources, [entry(away)]).look(NOON)
    assert await carried_out(resources, entry(away)) == ["again"]
    assert await recorded(resources) == [(NOON, None, None, True, False)]
    await run(resources.database, "UPDATE jobs SET due_at = now()")
    assert await carried_out(resources, entry()) == ["succeeded"]
    assert await recorded(resources) == [(NOON, "succeeded", "7", True, True)]


async def test_an_entry_of_another_release_is_recorded_as_failed(resources: Resources) -> None:
    await Clock(resources, [entry()]).look(NOON)
    assert await carried_out(resources) == ["succeeded"]
    (row,) = await recorded(resources)
    assert row[1:3] == ("failed", "LookupError: this release has no hourly")


async def test_an_attempt_that_was_lost_is_repeated(resources: Resources) -> None:
    await Clock(resources, [entry()]).look(NOON)
    await begin_run(resources.database, "hourly", NOON)
    assert await carried_out(resources, entry()) == ["succeeded"]
    assert await recorded(resources) == [(NOON, "succeeded", "7", True, True)]
