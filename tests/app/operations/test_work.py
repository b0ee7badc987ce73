"""Signs of life: what is written meanwhile, what the work hears, and when it is cut off."""

import asyncio
from typing import Any

import pytest

from app.errors import Unavailable
from app.identity.actor import Actor
from app.identity.models import Role
from app.operations import service, work
from app.operations.errors import Cancelled, OperationEnded
from app.operations.work import Work
from app.outbox import Fenced
from app.resources import Resources
from tests.app import pools
from tests.factories.catalog import run
from tests.factories.operations import begin, row_of, started

ADMIN = Actor(role=Role.ADMIN)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "BEAT", 0.01)


@pytest.fixture
async def attempt(resources: Resources) -> Work:
    operation_id = await begin(resources)
    return Work(resources.database, await started(resources, operation_id), operation_id)


async def state(resources: Resources, attempt: Work) -> dict[str, Any]:
    return await row_of(resources.database, attempt.operation_id)


async def cancel(resources: Resources, attempt: Work) -> None:
    async with resources.database.transaction() as tx:
        await service.cancel(tx, ADMIN, operation_id=attempt.operation_id)


async def test_what_is_reported_is_written_meanwhile(resources: Resources, attempt: Work) -> None:
    seen = []

    async def steps() -> None:
        for done in (1, 3, 9):
            attempt.report(done=done, total=4, message=f"{done} of 4.", figures={"done": done})

            async def written(done: int = done) -> bool:
                return bool((await state(resources, attempt))["message"] == f"{done} of 4.")

            await pools.until(written)
            seen.append((await state(resources, attempt))["progress"])

    await attempt.run(steps)
    assert seen == [0.25, 0.75, 1.0]
    assert (attempt.figures, attempt.message) == ({"done": 9}, "9 of 4.")


async def test_nobody_knows_how_far_without_a_total(attempt: Work) -> None:
    attempt.report(done=5, total=None)
    attempt.report(done=0, total=0)
    assert attempt.progress is None


async def test_its_lease_begins_anew(resources: Resources, attempt: Work) -> None:
    await run(resources.database, "UPDATE jobs SET due_at = now() + interval '1 second'")

    async def renewed() -> bool:
        (row,) = await run(
            resources.database, "SELECT due_at > now() + interval '20 seconds' AS renewed FROM jobs"
        )
        return bool(row["renewed"])

    await attempt.run(lambda: pools.until(renewed))
    assert await renewed()


async def test_a_cancellation_is_heard_at_the_next_step(resources: Resources, attempt: Work) -> None:
    steps = 0

    async def endless() -> None:
        nonlocal steps
        await cancel(resources, attempt)
        while True:
            steps += 1
            attempt.report(figures={"steps": steps})
            await asyncio.sleep(0.005)

    with pytest.raises(Cancelled):
        await attempt.run(endless)
    assert attempt.figures == {"steps": steps}


async def test_work_that_comes_to_no_step_is_cut_off(
    resources: Resources, attempt: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PATIENCE", 0.05)
    cut_off = []

    async def deaf() -> None:
        await cancel(resources, attempt)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cut_off.append(True)
            raise

    with pytest.raises(Cancelled):
        await attempt.run(deaf)
    assert cut_off == [True]


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("UPDATE jobs SET fence = fence + 1", Fenced),
        ("DELETE FROM jobs", Fenced),
        ("UPDATE operations SET state = 'failed', finished_at = now()", OperationEnded),
        ("DELETE FROM operations", OperationEnded),
    ],
)
async def test_work_that_nobody_waits_for_is_cut_off(
    resources: Resources, attempt: Work, what: str, error: type[Exception]
) -> None:
    async def deaf() -> None:
        attempt.report(message="Too late.")
        await run(resources.database, what)
        await asyncio.sleep(3600)

    with pytest.raises(error):
        await attempt.run(deaf)
    assert await run(resources.database, "SELECT 1 FROM operations WHERE message = 'Too late.'") == []


async def test_an_outage_is_waited_out(
    resources: Resources, attempt: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, failures = service.record_progress, 3

    async def away(*arguments: Any, **named: Any) -> bool:
        nonlocal failures
        if failures:
            failures -= 1
            raise Unavailable("Not now.")
        return await record(*arguments, **named)

    monkeypatch.setattr(service, "record_progress", away)
    attempt.report(message="At work.")

    async def written() -> bool:
        return bool((await state(resources, attempt))["message"] == "At work.")

    await attempt.run(lambda: pools.until(written))
    assert failures == 0


async def test_its_own_failure_is_raised(attempt: Work) -> None:
    async def broken() -> None:
        await asyncio.sleep(0.02)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await attempt.run(broken)


async def test_whoever_waits_for_it_may_be_cancelled(resources: Resources, attempt: Work) -> None:
    task = asyncio.create_task(attempt.run(lambda: asyncio.sleep(3600)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await state(resources, attempt))["state"] == "running"
