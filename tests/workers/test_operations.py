"""What becomes of an operation: done, refused, broken, cancelled, interrupted, given up."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.errors import DomainError, Unavailable
from app.identity.actor import Actor
from app.identity.models import Role
from app.jobs import Job, OperationKind
from app.operations import service
from app.operations import work as working
from app.operations.work import Work
from app.outbox import claim_job
from app.resources import Resources
from tests.app import pools
from tests.factories.catalog import nothing_written, run
from tests.factories.identity import make_user
from tests.factories.operations import begin, job_of, make_operations, row_of
from workers import operations
from workers.operations import KINDS, Run, end_lost, forget_operations, measure, run_operation
from workers.running import LOSSES, run_job

KIND = OperationKind.IMPORT_CATALOG


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "BEAT", 0.01)


async def attempt(resources: Resources, operation_id: UUID, function: Run) -> str:
    await run(resources.database, "UPDATE jobs SET due_at = least(due_at, now())")
    handler = partial(run_operation, kinds={KIND: function})
    return await run_job(resources, {Job.RUN_OPERATION: handler}, job_of(operation_id))


async def three_steps(_resources: Resources, work: Work, arguments: Mapping[str, Any]) -> None:
    for done in (1, 2, 3):
        work.report(done=done, total=3, message=f"{done} of {arguments['what']}", figures={"done": done})


def raising(error: Exception) -> Run:
    async def fails(_resources: Resources, work: Work, _arguments: Mapping[str, Any]) -> None:
        work.report(done=1, total=2, figures={"done": 1})
        raise error

    return fails


def doing(step: Callable[[], Awaitable[Any]]) -> Run:
    """Does that first, then goes on until it is stopped."""

    async def endless(_resources: Resources, work: Work, _arguments: Mapping[str, Any]) -> None:
        work.report(done=1, total=2, message="Half of it.", figures={"done": 1})
        await step()
        while True:
            await asyncio.sleep(0.005)
            work.report()

    return endless


async def never(_resources: Resources, _work: Work, _arguments: Mapping[str, Any]) -> None:
    raise AssertionError("nobody wants it")


async def jobs(resources: Resources) -> int:
    counted = "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM dead_letters) AS many"
    return int((await run(resources.database, counted))[0]["many"])


async def cancel(resources: Resources, operation_id: UUID) -> None:
    async with resources.database.transaction() as tx:
        await service.cancel(tx, Actor(role=Role.ADMIN), operation_id=operation_id)


def ends(resources: Resources, outcome: str) -> float:
    labels = {"kind": KIND.value, "outcome": outcome}
    return resources.metrics.registry.get_sample_value("lectern_operations_ended_total", labels) or 0.0


def test_every_kind_has_its_work() -> None:
    assert set(KINDS) == set(OperationKind)


async def test_done_and_recorded(resources: Resources) -> None:
    before = ends(resources, "succeeded")
    operation_id = await begin(resources, what="three")
    assert await attempt(resources, operation_id, three_steps) == "succeeded"
    row = await row_of(resources.database, operation_id)
    assert (row["state"], row["progress"], row["message"]) == ("succeeded", 1.0, "3 of three")
    assert row["result"] == [{"name": "done", "count": 3}]
    assert row["error_code"] is None
    assert await jobs(resources) == 0
    assert ends(resources, "succeeded") == before + 1
    async with nothing_written(resources.database):
        assert await attempt(resources, operation_id, never) == "nothing"


async def test_the_end_of_both_is_one(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    operation_id = await begin(resources, what="three")

    async def fails(*_arguments: Any, **_named: Any) -> None:
        raise Unavailable("Not now.")

    with monkeypatch.context() as patched:
        patched.setattr(service, "succeed", fails)
        assert await attempt(resources, operation_id, three_steps) == "again"
    assert (await row_of(resources.database, operation_id))["state"] == "running"
    assert await attempt(resources, operation_id, three_steps) == "succeeded"
    assert (await row_of(resources.database, operation_id))["state"] == "succeeded"


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (DomainError("No such file."), "refused", "No such file."),
        (ZeroDivisionError("secret"), "internal", "Something went wrong on our side"),
        (TimeoutError("secret"), "internal", "Something went wrong on our side"),
    ],
)
async def test_what_cannot_be_done_fails_at_once(
    resources: Resources, caplog: pytest.LogCaptureFixture, error: Exception, code: str, sentence: str
) -> None:
    operation_id = await begin(resources)
    assert await attempt(resources, operation_id, raising(error)) == "succeeded"
    row = await row_of(resources.database, operation_id)
    assert (row["state"], row["error_code"]) == ("failed", code)
    assert row["error_message"].startswith(sentence)
    assert "secret" not in row["error_message"]
    assert row["result"] == [{"name": "done", "count": 1}]
    assert await jobs(resources) == 0
    assert ("secret" in caplog.text, str(operation_id) in caplog.text) == (
        code == "internal",
        code == "internal",
    )


async def test_an_outage_is_waited_out(resources: Resources) -> None:
    operation_id = await begin(resources, what="three")
    assert await attempt(resources, operation_id, raising(Unavailable("Busy."))) == "again"
    assert (await row_of(resources.database, operation_id))["state"] == "running"
    assert await attempt(resources, operation_id, three_steps) == "succeeded"
    assert (await row_of(resources.database, operation_id))["state"] == "succeeded"


async def test_what_takes_too_long_fails(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "OPERATION_LIMIT", 0.05)
    operation_id = await begin(resources)
    endless = doing(lambda: asyncio.sleep(0))
    assert await attempt(resources, operation_id, endless) == "succeeded"
    row = await row_of(resources.database, operation_id)
    assert (row["state"], row["error_code"]) == ("failed", "timed_out")


async def test_a_kind_of_another_release_waits_for_a_day(resources: Resources) -> None:
    operation_id = await begin(resources)
    await run(resources.database, "UPDATE operations SET kind = 'grow_trees'")
    for _ in range(20):
        assert await attempt(resources, operation_id, never) == "again"
    assert (await row_of(resources.database, operation_id))["state"] == "queued"
    await run(resources.database, "UPDATE operations SET created_at = now() - interval '25 hours'")
    assert await end_lost(resources) == 1
    row = await row_of(resources.database, operation_id)
    assert (row["state"], row["error_code"]) == ("failed", "timed_out")
    assert await attempt(resources, operation_id, never) == "succeeded"
    assert await jobs(resources) == 0
    assert await row_of(resources.database, operation_id) == row


async def test_what_was_cancelled_before_is_not_begun(resources: Resources) -> None:
    operation_id = await begin(resources)
    await cancel(resources, operation_id)
    row = await row_of(resources.database, operation_id)
    assert await attempt(resources, operation_id, never) == "succeeded"
    assert await row_of(resources.database, operation_id) == row
    assert await jobs(resources) == 0


async def test_what_runs_is_cancelled_at_its_next_step(resources: Resources) -> None:
    operation_id = await begin(resources)
    work = doing(lambda: cancel(resources, operation_id))
    assert await attempt(resources, operation_id, work) == "succeeded"
    row = await row_of(resources.database, operation_id)
    assert (row["state"], row["progress"]) == ("cancelled", 0.5)
    assert row["message"] == "Cancelled; what was done until then stays. Half of it."
    assert row["result"] == [{"name": "done", "count": 1}]
    assert await jobs(resources) == 0


async def test_what_was_cancelled_between_two_attempts_is_not_begun_again(resources: Resources) -> None:
    operation_id = await begin(resources)
    assert await attempt(resources, operation_id, raising(Unavailable("Busy."))) == "again"
    await cancel(resources, operation_id)
    assert (await row_of(resources.database, operation_id))["state"] == "running"
    assert await attempt(resources, operation_id, never) == "succeeded"
    assert (await row_of(resources.database, operation_id))["state"] == "cancelled"


async def test_a_stopping_worker_hands_back(resources: Resources) -> None:
    operation_id = await begin(resources, what="three")
    begun = asyncio.Event()

    async def tell() -> None:
        begun.set()

    running = asyncio.create_task(attempt(resources, operation_id, doing(tell)))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (job,) = await run(resources.database, "SELECT tries, due_at <= now() AS due FROM jobs")
    assert tuple(job) == (0, True)
    assert await attempt(resources, operation_id, three_steps) == "succeeded"


async def test_an_attempt_that_was_lost_records_nothing(resources: Resources) -> None:
    operation_id = await begin(resources, what="three")

    async def lose() -> None:
        # As another attempt does that begins.
        await run(resources.database, "UPDATE jobs SET fence = fence + 1")

    assert await attempt(resources, operation_id, doing(lose)) == "fenced"
    row = await row_of(resources.database, operation_id)
    assert (row["state"], row["result"]) == ("running", None)
    assert await attempt(resources, operation_id, three_steps) == "succeeded"
    assert (await row_of(resources.database, operation_id))["state"] == "succeeded"


async def test_what_kills_its_workers_is_given_up(
    resources: Resources, caplog: pytest.LogCaptureFixture
) -> None:
    before = ends(resources, "lost")
    operation_id = await begin(resources)
    for _ in range(LOSSES):
        assert await claim_job(resources.database, job_of(operation_id))
        await run(resources.database, "UPDATE jobs SET due_at = now()")
        assert await end_lost(resources) == 0
    assert await attempt(resources, operation_id, never) == "dead"
    assert await end_lost(resources) == 1
    row = await row_of(resources.database, operation_id)
    assert (row["state"], row["error_code"]) == ("failed", "lost")
    assert "was given up" in caplog.text
    assert ends(resources, "lost") == before + 1


async def test_what_was_given_up_meanwhile_is_cut_off(resources: Resources) -> None:
    operation_id = await begin(resources)

    async def give_up() -> None:
        await run(resources.database, "UPDATE operations SET created_at = now() - interval '25 hours'")
        assert await end_lost(resources) == 1

    assert await attempt(resources, operation_id, doing(give_up)) == "succeeded"
    row = await row_of(resources.database, operation_id)
    assert (row["state"], row["error_code"]) == ("failed", "timed_out")
    assert await jobs(resources) == 0


async def test_old_ones_go(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = service.forget_operations.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "rows", 2)
    owner = await make_user(resources.database)
    await make_operations(resources.database, owner.number, 5, "cancelled")
    await run(resources.database, "UPDATE operations SET finished_at = now() - interval '91 days'")
    (kept,) = await make_operations(resources.database, owner.number, 1, "failed")
    assert await forget_operations(resources) == 5
    assert [row["id"] for row in await run(resources.database, "SELECT id FROM operations")] == [kept]


async def test_what_is_open_is_measured(resources: Resources) -> None:
    owner = await make_user(resources.database)
    await make_operations(resources.database, owner.number, 3)
    await make_operations(resources.database, owner.number, 2, "succeeded")
    await run(resources.database, "UPDATE operations SET created_at = now() - interval '1 hour'")

    def value(name: str) -> float | None:
        return resources.metrics.registry.get_sample_value(
            f"lectern_operations_{name}", {"kind": KIND.value, "state": "queued"}
        )

    async def measured() -> bool:
        return value("oldest_seconds") is not None

    measuring = asyncio.create_task(measure(resources))
    try:
        await pools.until(measured)
    finally:
        measuring.cancel()
    assert value("open") == 3
    assert 3600 <= (value("oldest_seconds") or 0) < 3700
    assert (
        resources.metrics.registry.get_sample_value(
            "lectern_operations_open", {"kind": KIND.value, "state": "succeeded"}
        )
        is None
    )
