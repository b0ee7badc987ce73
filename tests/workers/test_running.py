"""What becomes of an attempt: done, tried again, set aside, parked, handed back."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.errors import DomainError, Unavailable
from app.jobs import HANDLING, Event, Job
from app.outbox import Claim, claim_job, retry
from app.resources import Resources
from tests.factories.catalog import run
from workers.running import LOSSES, Handler, run_job


async def enqueue(resources: Resources, name: str = Job.PROBE) -> Any:
    rows = await run(
        resources.database,
        "INSERT INTO jobs (name, queue, payload) VALUES ($1, 'quick', '{}') RETURNING id",
        name,
    )
    return rows[0]["id"]


async def attempt(resources: Resources, handler: Handler, job_id: Any = None) -> str:
    return await run_job(resources, {Job.PROBE: handler}, job_id or await enqueue(resources))


async def job(resources: Resources) -> Any:
    rows = await run(resources.database, "SELECT *, due_at > now() AS later FROM jobs")
    return rows[0] if rows else None


async def dead(resources: Resources) -> list[Any]:
    return await run(resources.database, "SELECT * FROM dead_letters")


async def fine(_resources: Resources, _claim: Claim) -> None:
    pass


def failing(error: Exception) -> Handler:
    async def fails(_resources: Resources, _claim: Claim) -> None:
        raise error

    return fails


async def test_a_job_is_done_once(resources: Resources) -> None:
    job_id = await enqueue(resources)
    assert await attempt(resources, fine, job_id) == "succeeded"
    assert await job(resources) is None
    assert await attempt(resources, fine, job_id) == "nothing"


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), Unavailable("Busy."), OSError("away")])
async def test_a_failure_is_tried_again_later(resources: Resources, error: Exception) -> None:
    assert await attempt(resources, failing(error)) == "again"
    row = await job(resources)
    assert (row["tries"], row["later"]) == (1, True)
    assert type(error).__name__ in row["last_error"]
    assert await dead(resources) == []


async def test_too_many_failures_set_it_aside(resources: Resources, caplog: pytest.LogCaptureFixture) -> None:
    job_id = await enqueue(resources)
    outcomes = []
    for _ in range(HANDLING[Job.PROBE].tries):
        await run(resources.database, "UPDATE jobs SET due_at = now()")
        outcomes.append(await attempt(resources, failing(ZeroDivisionError("a bug")), job_id))
    assert outcomes == ["again"] * (HANDLING[Job.PROBE].tries - 1) + ["dead"]
    assert await job(resources) is None
    (letter,) = await dead(resources)
    assert letter["error"] == "ZeroDivisionError: a bug"
    assert "in fails" in letter["traceback"]
    assert "set aside" in caplog.text


async def test_an_outage_is_nobodys_fault(resources: Resources) -> None:
    job_id = await enqueue(resources)
    await run(resources.database, "UPDATE jobs SET tries = 100")
    assert await attempt(resources, failing(Unavailable("Busy.")), job_id) == "again"


async def test_what_a_rule_refuses_is_set_aside_at_once(resources: Resources) -> None:
    assert await attempt(resources, failing(DomainError("Never."))) == "dead"


async def test_a_job_that_takes_too_long_is_cut_off(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HANDLING, Job.PROBE, replace(HANDLING[Job.PROBE], limit=0.05))

    async def endless(_resources: Resources, _claim: Claim) -> None:
        await asyncio.sleep(3600)

    assert await attempt(resources, endless) == "again"
    assert "TimeoutError" in (await job(resources))["last_error"]


async def test_a_stopping_worker_hands_back(resources: Resources) -> None:
    begun = asyncio.Event()

    async def slow(_resources: Resources, _claim: Claim) -> None:
        begun.set()
        await asyncio.sleep(3600)

    running = asyncio.create_task(attempt(resources, slow))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    row = await job(resources)
    assert (row["tries"], row["later"]) == (0, False)


@pytest.mark.parametrize("name", ["job_of_tomorrow", ""])
async def test_an_unknown_job_is_parked(resources: Resources, name: str) -> None:
    assert await attempt(resources, fine, await enqueue(resources, name)) == "parked"
    row = await job(resources)
    assert (row["tries"], row["later"]) == (0, True)


async def test_a_lost_attempt_says_so(resources: Resources) -> None:
    async def lost(resources: Resources, claim: Claim) -> None:
        await run(resources.database, "UPDATE jobs SET fence = fence + 1")
        async with claim.finish() as tx:
            await tx.fetch_text("INSERT INTO attempt_throttles (key) VALUES ('effect')")

    assert await attempt(resources, lost) == "fenced"
    assert await run(resources.database, "SELECT 1 FROM attempt_throttles") == []
    assert (await job(resources))["tries"] == 1


async def test_a_failure_after_the_end_changes_nothing(resources: Resources) -> None:
    async def late(_resources: Resources, claim: Claim) -> None:
        async with claim.finish():
            pass
        raise ZeroDivisionError

    assert await attempt(resources, late) == "succeeded"
    assert await job(resources) is None
    assert await dead(resources) == []


def recording(effect: int) -> Handler:
    async def record(_resources: Resources, claim: Claim) -> None:
        async with claim.finish() as tx:
            await tx.fetch_text(
                "INSERT INTO attempt_throttles (key) VALUES ($1)", f"effect {effect}".encode()
            )

    return record


async def heard(resources: Resources, handler: Handler) -> str:
    async with resources.database.transaction() as tx:
        await resources.outbox.announce(tx, Event.PROBED, {}, key="the same")
    return await attempt(resources, handler, (await job(resources))["id"])


async def effects(resources: Resources) -> list[bytes]:
    return [row["key"] for row in await run(resources.database, "SELECT key FROM attempt_throttles")]


async def test_an_event_that_is_told_again_has_no_second_effect(resources: Resources) -> None:
    assert await heard(resources, recording(1)) == "succeeded"
    assert await heard(resources, recording(2)) == "repeated"
    assert await job(resources) is None
    assert await effects(resources) == [b"effect 1"]


async def test_an_event_whose_job_died_and_rose_has_no_second_effect(resources: Resources) -> None:
    assert await heard(resources, failing(DomainError("No."))) == "dead"
    (letter,) = await dead(resources)
    async with resources.database.transaction() as tx:
        assert await retry(tx, [letter["id"]]) == {letter["id"]}
    assert (await job(resources))["event_id"] == letter["event_id"] is not None
    assert await attempt(resources, recording(1), letter["id"]) == "succeeded"
    assert await heard(resources, recording(2)) == "repeated"
    assert await effects(resources) == [b"effect 1"]


async def test_an_event_that_was_heard_while_its_dead_job_lay_has_no_second_effect(
    resources: Resources,
) -> None:
    assert await heard(resources, failing(DomainError("No."))) == "dead"
    assert await heard(resources, recording(1)) == "succeeded"
    (letter,) = await dead(resources)
    async with resources.database.transaction() as tx:
        await retry(tx, [letter["id"]])
    assert await attempt(resources, recording(2), letter["id"]) == "repeated"
    assert await effects(resources) == [b"effect 1"]


async def test_what_kills_its_worker_is_set_aside(resources: Resources) -> None:
    job_id = await enqueue(resources)
    for _ in range(LOSSES):
        assert await claim_job(resources.database, job_id)
        await run(resources.database, "UPDATE jobs SET due_at = now()")
    assert await attempt(resources, failing(AssertionError("it must not run")), job_id) == "dead"
    (letter,) = await dead(resources)
    assert letter["error"] == "Its worker died in each of 3 attempts."
    assert letter["tries"] == LOSSES + 1


async def test_losses_that_are_not_in_a_row_kill_nothing(resources: Resources) -> None:
    job_id = await enqueue(resources)
    for _ in range(LOSSES):
        assert await claim_job(resources.database, job_id)
        await run(resources.database, "UPDATE jobs SET due_at = now()")
        assert await attempt(resources, failing(Unavailable("Busy.")), job_id) == "again"
        await run(resources.database, "UPDATE jobs SET due_at = now()")
    assert await attempt(resources, fine, job_id) == "succeeded"
