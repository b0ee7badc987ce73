"""From state to state, never back, whoever acts at once; and what ends by time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.database import Transaction
from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from app.jobs import OperationKind
from app.operations import service
from app.operations.errors import OperationEnded, OperationNotFound
from app.operations.models import OperationErrorCode
from app.outbox import dead_letters, retry
from app.resources import Resources
from tests.factories.catalog import nothing_written, run
from tests.factories.identity import make_actor, make_user
from tests.factories.operations import ENDED, begin, job_of, make_operations, row_of, started

ADMIN = Actor(role=Role.ADMIN)


async def do(resources: Resources, verb: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
    async with resources.database.transaction() as tx:
        return await verb(tx, *arguments, **named)


async def test_it_begins_with_its_job(resources: Resources) -> None:
    owner = await make_user(resources.database)
    operation_id = await begin(resources, owner.number, path="/a")
    row = await row_of(resources.database, operation_id)
    assert (row["kind"], row["owner_id"], row["state"]) == ("import_catalog", owner.number, "queued")
    assert (row["arguments"], row["progress"], row["started_at"]) == ({"path": "/a"}, None, None)
    (job,) = await run(resources.database, "SELECT * FROM jobs")
    assert (job["id"], job["queue"]) == (job_of(operation_id), "operations")
    assert job["payload"] == {"operation": str(operation_id)}


async def test_it_does_not_begin_without_its_job(resources: Resources) -> None:
    owner = await make_user(resources.database)

    async def fails(tx: Transaction) -> None:
        await service.begin(
            tx,
            resources.outbox,
            kind=OperationKind.IMPORT_CATALOG,
            owner_id=owner.number,
            arguments={},
        )
        raise ZeroDivisionError

    async with nothing_written(resources.database):
        with pytest.raises(ZeroDivisionError):
            await do(resources, fails)


async def test_from_its_beginning_to_success(resources: Resources) -> None:
    operation_id = await begin(resources, path="/a")
    begun = await do(resources, service.start, operation_id)
    assert tuple(begun) == ("import_catalog", {"path": "/a"}, False)
    assert not await do(
        resources, service.record_progress, operation_id, progress=0.25, message="Half of it."
    )
    row = await row_of(resources.database, operation_id)
    assert (row["state"], row["progress"], row["message"]) == ("running", 0.25, "Half of it.")
    seconds = await do(resources, service.succeed, operation_id, message=None, figures={"b": 2, "a": 1})
    assert seconds >= 0
    row = await row_of(resources.database, operation_id)
    assert (row["state"], row["progress"], row["message"]) == ("succeeded", 1.0, "Half of it.")
    assert row["result"] == [{"name": "b", "count": 2}, {"name": "a", "count": 1}]
    assert row["started_at"] <= row["finished_at"]


async def test_progress_never_goes_back(resources: Resources) -> None:
    operation_id = await begin(resources)
    first = await do(resources, service.start, operation_id)
    assert first
    started_at = (await row_of(resources.database, operation_id))["started_at"]
    seen = []
    for progress in (None, 0.5, 0.1, None, 0.6):
        await do(resources, service.record_progress, operation_id, progress=progress, message=None)
        # As a second attempt does.
        await do(resources, service.start, operation_id)
        row = await row_of(resources.database, operation_id)
        seen.append(row["progress"])
        assert row["started_at"] == started_at
    assert seen == [None, 0.5, 0.5, 0.5, 0.6]


async def test_a_failure_keeps_what_was_done(resources: Resources) -> None:
    operation_id = await begin(resources)
    await do(resources, service.start, operation_id)
    await do(resources, service.record_progress, operation_id, progress=0.5, message="Half of it.")
    refused = OperationErrorCode.REFUSED
    await do(resources, service.fail, operation_id, code=refused, error="No\0 file.", figures={"created": 7})
    row = await row_of(resources.database, operation_id)
    assert (row["state"], row["progress"], row["message"]) == ("failed", 0.5, "Half of it.")
    assert (row["error_code"], row["error_message"]) == ("refused", "No file.")
    assert row["result"] == [{"name": "created", "count": 7}]


VERBS: dict[str, Callable[[Resources, UUID], Awaitable[Any]]] = {
    "start": lambda resources, one: do(resources, service.start, one),
    "succeed": lambda resources, one: do(resources, service.succeed, one, message="x", figures={"a": 1}),
    "fail": lambda resources, one: do(
        resources, service.fail, one, code=OperationErrorCode.INTERNAL, error="x", figures={}
    ),
    "cancelled": lambda resources, one: do(
        resources, service.end_cancelled, one, message="x", figures={"a": 1}
    ),
    "lost": lambda resources, _one: do(resources, service.end_lost),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("state", ENDED)
async def test_what_has_ended_stays(resources: Resources, state: str, verb: str) -> None:
    owner = await make_user(resources.database)
    (operation_id,) = await make_operations(resources.database, owner.number, state=state)
    async with nothing_written(resources.database):
        assert not await VERBS[verb](resources, operation_id)
        with pytest.raises(OperationEnded):
            await do(resources, service.record_progress, operation_id, progress=0.5, message="x")
        with pytest.raises(OperationEnded):
            await do(resources, service.cancel, owner.actor, operation_id=operation_id)


@pytest.mark.parametrize("verb", ["succeed", "fail", "cancelled"])
async def test_what_has_not_begun_does_not_end(resources: Resources, verb: str) -> None:
    operation_id = await begin(resources)
    async with nothing_written(resources.database):
        assert await VERBS[verb](resources, operation_id) is None


async def test_one_that_waits_is_cancelled_at_once(resources: Resources) -> None:
    owner = await make_user(resources.database)
    operation_id = await begin(resources, owner.number)
    row = await do(resources, service.cancel, owner.actor, operation_id=operation_id)
    assert (row["state"], row["finished_at"] is None) == ("cancelled", False)
    assert await do(resources, service.start, operation_id) is None


async def test_one_that_runs_is_told(resources: Resources) -> None:
    operation_id = await begin(resources)
    await do(resources, service.start, operation_id)
    row = await do(resources, service.cancel, ADMIN, operation_id=operation_id)
    assert (row["state"], row["finished_at"]) == ("running", None)
    again = await do(resources, service.cancel, ADMIN, operation_id=operation_id)
    assert again["cancel_requested_at"] == row["cancel_requested_at"]
    assert await do(resources, service.record_progress, operation_id, progress=0.5, message=None)
    assert (await do(resources, service.start, operation_id))["unwanted"]
    await do(resources, service.end_cancelled, operation_id, message="Cancelled.", figures={"created": 7})
    row = await row_of(resources.database, operation_id)
    assert (row["state"], row["progress"], row["message"]) == ("cancelled", 0.5, "Cancelled.")
    assert row["result"] == [{"name": "created", "count": 7}]


@pytest.mark.parametrize("role", [None, Role.STUDENT, Role.INSTRUCTOR])
async def test_others_cannot_cancel_it(resources: Resources, role: Role | None) -> None:
    actor = ANONYMOUS if role is None else await make_actor(resources.database, role)
    operation_id = await begin(resources)
    async with nothing_written(resources.database):
        with pytest.raises(OperationNotFound):
            await do(resources, service.cancel, actor, operation_id=operation_id)


async def test_a_cancellation_and_a_beginning_at_once(crowd: Resources) -> None:
    owner = await make_user(crowd.database)
    for _ in range(20):
        operation_id = await begin(crowd, owner.number)
        begun, cancelled = await asyncio.gather(
            do(crowd, service.start, operation_id),
            do(crowd, service.cancel, owner.actor, operation_id=operation_id),
        )
        row = await row_of(crowd.database, operation_id)
        if begun is None:
            assert (row["state"], cancelled["state"]) == ("cancelled", "cancelled")
        else:
            assert (row["state"], cancelled["state"]) == ("running", "running")
            assert row["cancel_requested_at"] is not None


async def test_what_lost_its_job_fails(resources: Resources) -> None:
    healthy, gone, buried = [await begin(resources) for _ in range(3)]
    await run(resources.database, "DELETE FROM jobs WHERE id = $1", job_of(gone))
    claim = await started(resources, buried)
    await claim.bury("Its worker died.", "")
    failed = {row["id"]: row["error_code"] for row in await do(resources, service.end_lost)}
    assert failed == {gone: "lost", buried: "lost"}
    assert (await row_of(resources.database, healthy))["state"] == "queued"
    row = await row_of(resources.database, buried)
    assert (row["state"], row["finished_at"] is None) == ("failed", False)
    assert "given up" in row["error_message"]
    assert await do(resources, service.end_lost) == []
    # An operator who lets the job wait again does no harm.
    (letter,) = await dead_letters(resources.database)
    assert await do(resources, retry, [letter["id"]]) == {letter["id"]}
    assert await do(resources, service.start, buried) is None


async def test_what_was_not_done_within_a_day_fails(resources: Resources) -> None:
    old, running, young = [await begin(resources) for _ in range(3)]
    await started(resources, running)
    for operation_id, age in (
        (old, timedelta(hours=25)),
        (running, timedelta(days=3)),
        (young, timedelta(hours=23)),
    ):
        await run(
            resources.database,
            "UPDATE operations SET created_at = now() - $2::interval WHERE id = $1",
            operation_id,
            age,
        )
    failed = {row["id"]: row["error_code"] for row in await do(resources, service.end_lost)}
    assert failed == {old: "timed_out", running: "timed_out"}
    assert (await row_of(resources.database, young))["state"] == "queued"


async def test_what_ended_long_ago_is_forgotten(resources: Resources) -> None:
    owner = await make_user(resources.database)
    ended = await make_operations(resources.database, owner.number, 5, "succeeded")
    await run(
        resources.database,
        "UPDATE operations SET finished_at = now() - interval '91 days' WHERE id = ANY($1)",
        ended[:3],
    )
    await make_operations(resources.database, owner.number, 1, "running")
    assert await do(resources, service.forget_operations, rows=2) == 2
    assert await do(resources, service.forget_operations, rows=2) == 1
    assert await do(resources, service.forget_operations, rows=2) == 0
    assert len(await run(resources.database, "SELECT 1 FROM operations")) == 3


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (None, None),
        ("a\0b", "ab"),
        ("\ud800", "?"),
        ("x" * 1000, "x" * 1000),
        ("x" * 1001, "x" * 997 + "..."),
    ],
)
def test_any_text_can_be_kept(text: str | None, kept: str | None) -> None:
    assert service.shown(text) == kept


async def test_a_result_is_short(resources: Resources) -> None:
    operation_id = await begin(resources)
    await do(resources, service.start, operation_id)
    figures = {f"figure{number}": number for number in range(51)}
    with pytest.raises(ValueError, match="at most 50"):
        await do(resources, service.succeed, operation_id, message=None, figures=figures)
