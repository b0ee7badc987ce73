"""Each change of an enrolment is one event with one id, however often it is written down."""

from datetime import UTC, datetime, timedelta

import pytest

from app.jobs import CONSUMERS, Event, Job
from app.learning.models import EnrollmentEventKind
from app.learning.service.events import Happened, record_events
from app.resources import Resources
from app.telemetry import StatementCount, statements
from tests.factories.catalog import run

NOW = datetime.now(UTC)


def happened(user_id: int, kind: EnrollmentEventKind = EnrollmentEventKind.ENROLLED) -> Happened:
    return Happened(kind, user_id, 7, 1, NOW)


async def record(resources: Resources, *events: Happened) -> int:
    async with resources.database.transaction() as tx:
        return await record_events(tx, resources.outbox, events)


@pytest.fixture(autouse=True)
def _heard_by_a_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    for event in (Event.ENROLLED, Event.WITHDRAWN, Event.COURSE_COMPLETED):
        monkeypatch.setitem(CONSUMERS, event, (Job.PROBE,))


async def test_an_event_is_written_and_told_once(resources: Resources) -> None:
    assert await record(resources, happened(1), happened(1)) == 1
    assert await record(resources, happened(1), happened(2)) == 1
    rows = await run(resources.database, "SELECT * FROM enrollment_events ORDER BY user_id")
    assert [(row["user_id"], row["course_id"], row["kind"], row["generation"]) for row in rows] == [
        (1, 7, "enrolled", 1),
        (2, 7, "enrolled", 1),
    ]
    jobs = await run(resources.database, "SELECT payload, event_id FROM jobs")
    assert len({job["event_id"] for job in jobs}) == 2
    assert sorted(job["payload"]["user_id"] for job in jobs) == [1, 2]
    assert {job["payload"]["event_id"] for job in jobs} == {str(row["id"]) for row in rows}
    assert jobs[0]["payload"].keys() == {"event_id", "user_id", "course_id", "at"}
    assert datetime.fromisoformat(jobs[0]["payload"]["at"]) == NOW


async def test_its_id_sorts_by_its_moment(resources: Resources) -> None:
    later = Happened(EnrollmentEventKind.ENROLLED, 1, 7, 2, NOW + timedelta(milliseconds=1))
    await record(resources, later, happened(1))
    rows = await run(resources.database, "SELECT id, generation FROM enrollment_events ORDER BY id")
    assert [row["generation"] for row in rows] == [1, 2]
    assert rows[0]["id"] == happened(1).id


async def test_waiting_is_told_to_nobody(resources: Resources) -> None:
    assert await record(resources, happened(1, EnrollmentEventKind.WAITLISTED)) == 1
    assert await run(resources.database, "SELECT FROM jobs") == []


@pytest.mark.parametrize("number", [1, 100])
async def test_statements_do_not_grow(resources: Resources, number: int) -> None:
    count = StatementCount(keep_texts=True)
    token = statements.set(count)
    try:
        events = [happened(user, kind) for user in range(number) for kind in EnrollmentEventKind]
        assert await record(resources, *events) == 4 * number
    finally:
        statements.reset(token)
    assert len(count.texts) == 4
    assert len(await run(resources.database, "SELECT FROM jobs")) == 3 * number


async def test_nothing_costs_nothing(resources: Resources) -> None:
    assert await record(resources) == 0
