"""Enrolling, withdrawing and the rules for it, as clients do it: what is answered, refused, written and told."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.database import Database
from app.learning.service.waitlist import CHUNK
from tests.factories.catalog import (
    MadeCourse,
    Staff,
    make_course,
    make_course_of,
    nothing_written,
    run,
)
from tests.factories.identity import MadeUser, make_user
from tests.factories.learning import completed, enrolled, enrollment_id, flaws, policy, rows_of, withdrawn
from tests.factories.notifications import listed
from tests.support.api import Api
from workers import learning as jobs

ENROLLMENT = """enrollment { id state createdAt enrolledAt completedAt withdrawnAt waitlistPosition
    progress { completedLessons totalLessons share } user { id } course { id } } course { enrollmentCount }"""
POLICY = "course { enrollmentPolicy { id capacity opensAt closesAt invitationOnly waitlistCount } }"
DAY = timedelta(days=1)


@pytest.fixture
async def course(database: Database, staff: Staff) -> MadeCourse:
    return await make_course_of(database, staff, lessons=(3,))


async def enroll(api: Api, user: MadeUser, course: MadeCourse, selection: str = ENROLLMENT) -> Any:
    return await api.change("enroll", user.actor, selection, courseId=course.id)


async def set_policy(api: Api, staff: Staff, course: MadeCourse, **rules: Any) -> Any:
    payload = await api.change(
        "updateEnrollmentPolicy", staff.lead.actor, POLICY, courseId=course.id, **rules
    )
    assert payload["userErrors"] == []
    return payload["course"]["enrollmentPolicy"]


async def kinds(database: Database, user: MadeUser) -> list[tuple[str, int]]:
    rows = await run(
        database, "SELECT kind, generation FROM enrollment_events WHERE user_id = $1 ORDER BY id", user.number
    )
    return [tuple(row) for row in rows]


async def test_a_life(api: Api, database: Database, staff: Staff, course: MadeCourse) -> None:
    user = staff.student
    payload = await enroll(api, user, course)
    first = payload["enrollment"]
    moment = first["enrolledAt"]
    assert payload == {
        "enrollment": {
            "id": enrollment_id(user, course),
            "state": "ACTIVE",
            "createdAt": moment,
            "enrolledAt": moment,
            "completedAt": None,
            "withdrawnAt": None,
            "waitlistPosition": None,
            "progress": {"completedLessons": 0, "totalLessons": 3, "share": 0.0},
            "user": {"id": user.id},
            "course": {"id": course.id},
        },
        "course": {"enrollmentCount": 1},
        "userErrors": [],
    }
    async with nothing_written(database):
        assert await enroll(api, user, course) == payload
    gone = await api.change("withdraw", user.actor, ENROLLMENT, courseId=course.id)
    assert gone["course"] == {"enrollmentCount": 0}
    assert gone["enrollment"] | {"state": "ACTIVE", "withdrawnAt": None} == first
    assert datetime.fromisoformat(gone["enrollment"]["withdrawnAt"]) > datetime.fromisoformat(moment)
    async with nothing_written(database):
        assert await api.change("withdraw", user.actor, ENROLLMENT, courseId=course.id) == gone
    again = (await enroll(api, user, course))["enrollment"]
    assert (again["id"], again["state"], again["withdrawnAt"]) == (first["id"], "ACTIVE", None)
    assert again["enrolledAt"] > gone["enrollment"]["withdrawnAt"]
    assert await kinds(database, user) == [("enrolled", 1), ("withdrawn", 1), ("enrolled", 2)]
    assert await flaws(database, course) == []


async def test_statements(api: Api, database: Database, staff: Staff, course: MadeCourse) -> None:
    await policy(api.resources, staff.lead, course, capacity=1)
    document = "mutation ($input: EnrollInput!) { enroll(input: $input) { userErrors { code } } }"
    sent = [
        len((await api.ask(document, user.actor, input={"courseId": course.id})).statements)
        for user in (staff.student, staff.stranger, staff.student)
    ]
    assert sent == [4, 4, 1], "the terms; the lock, the seat, the event; nothing more where nothing changes"
    leave = (
        document.replace("nroll", "withdraw")
        .replace("ewithdraw", "withdraw")
        .replace("Ewithdraw", "Withdraw")
    )
    answer = await api.ask(leave, staff.student.actor, input={"courseId": course.id})
    # The lock, the seat, the event; the next one and their event; their notification in two, and the job of its mail.
    assert len(answer.statements) == 8


@pytest.mark.parametrize("waits", [False, True])
async def test_who_has_completed_it_once(
    api: Api, database: Database, staff: Staff, course: MadeCourse, waits: bool
) -> None:
    """Nothing takes that away: not leaving, not lessons that come, not waiting for a seat."""
    user = staff.student
    await enrolled(api.resources, user, course)
    await completed(database, user, course)
    await run(
        database,
        "INSERT INTO lesson_progress (user_id, lesson_id, course_id, completed_at) SELECT $1, id, course_id, now()"
        " FROM lessons WHERE course_id = $2",
        user.number,
        course.number,
    )
    payload = await api.change("withdraw", user.actor, ENROLLMENT, courseId=course.id)
    assert payload["enrollment"]["state"] == "WITHDRAWN"
    when = payload["enrollment"]["completedAt"]
    assert when is not None
    # Meanwhile a lesson went, and its completion counts no longer.
    await api.change("removeLesson", staff.lead.actor, lessonId=course.lessons[0])
    if waits:
        await policy(api.resources, staff.lead, course, capacity=1)
        await enrolled(api.resources, staff.stranger, course)
        assert (await enroll(api, user, course))["enrollment"]["state"] == "WAITLISTED"
        await withdrawn(api.resources, staff.stranger, course)
    back = (await enroll(api, user, course))["enrollment"]
    assert (back["state"], back["completedAt"]) == ("COMPLETED", when)
    assert back["progress"] == {"completedLessons": 2, "totalLessons": 2, "share": 1.0}
    assert await flaws(database, course) == []


async def test_the_line(api: Api, database: Database, staff: Staff, course: MadeCourse) -> None:
    await set_policy(api, staff, course, capacity=2)
    people = [await make_user(database) for _ in range(7)]
    answers = [(await enroll(api, user, course))["enrollment"] for user in people]
    assert [answer["waitlistPosition"] for answer in answers] == [None, None, 1, 2, 3, 4, 5]
    assert [answer["enrolledAt"] is None for answer in answers] == [False] * 2 + [True] * 5

    async def line() -> list[int]:
        rows = await rows_of(database, course)
        waiting = [row for row in rows if row["state"] == "waitlisted"]
        return [row["user_id"] for row in sorted(waiting, key=lambda row: row["waitlist_number"])]

    numbers = [user.number for user in people]
    # One leaves the line: the others move up, nobody is promoted.
    await withdrawn(api.resources, people[3], course)
    assert await line() == [numbers[2], *numbers[4:]]
    assert (await enroll(api, people[4], course))["enrollment"]["waitlistPosition"] == 2
    # One leaves the course: exactly the first is promoted, and told.
    await withdrawn(api.resources, people[0], course)
    assert await line() == numbers[4:]
    promoted = (await enroll(api, people[2], course))["enrollment"]
    assert (promoted["state"], promoted["waitlistPosition"]) == ("ACTIVE", None)
    assert promoted["enrolledAt"] > promoted["createdAt"]
    (told,) = await listed(database, people[2].number)
    assert (told["kind"], told["payload"]) == (
        "waitlist_promoted",
        {"course_id": course.number, "course_title": "A course"},
    )
    assert await kinds(database, people[2]) == [("waitlisted", 1), ("enrolled", 1)]
    # Who comes back stands at the end.
    assert (await enroll(api, people[3], course))["enrollment"]["waitlistPosition"] == 4
    # More seats: those who wait longest get them.
    assert (await set_policy(api, staff, course, capacity=4))["waitlistCount"] == 2
    assert await line() == [numbers[6], numbers[3]]
    # Fewer: nobody loses theirs, nobody gets one until there is one.
    await set_policy(api, staff, course, capacity=1)
    await withdrawn(api.resources, people[1], course)
    assert await line() == [numbers[6], numbers[3]]
    assert (await set_policy(api, staff, course, capacity=None))["waitlistCount"] == 0
    assert await line() == []
    assert [len(await listed(database, user.number)) for user in people] == [0, 0, 1, 1, 1, 1, 1]
    assert await flaws(database, course) == []


async def test_a_long_line_moves_on_by_the_clock(
    api: Api, database: Database, staff: Staff, course: MadeCourse
) -> None:
    await policy(api.resources, staff.lead, course, capacity=1)
    await run(
        database,
        "INSERT INTO users (email, email_key, name) SELECT n || '@line.test', n || '@line.test', 'N'"
        " FROM generate_series(1, $1::int) AS n",
        CHUNK + 1,
    )
    await run(
        database,
        "INSERT INTO enrollments (user_id, course_id, state, waitlist_number)"
        " SELECT id, $1, 'waitlisted', row_number() OVER () FROM users WHERE email LIKE '%@line.test'",
        course.number,
    )
    await run(
        database,
        "UPDATE enrollment_policies SET waitlist_count = $1, next_waitlist_number = $1 + 1",
        CHUNK + 1,
    )
    assert (await set_policy(api, staff, course, capacity=CHUNK + 10))["waitlistCount"] == 1
    # A newcomer does not pass those who still wait, though seats are free.
    assert (await enroll(api, staff.student, course))["enrollment"]["state"] == "WAITLISTED"
    assert await jobs.tend_waitlists(api.resources) == 2
    assert await jobs.tend_waitlists(api.resources) == 0
    assert {row["state"] for row in await rows_of(database, course)} == {"active"}


async def test_waiting_ends_when_enrolment_does(
    api: Api, database: Database, staff: Staff, course: MadeCourse
) -> None:
    others = [await make_course(database, staff.lead.actor, title=title) for title in ("Old", "Gone", "Open")]
    long_ago, archived, still_open = others
    for each in (course, *others):
        await policy(api.resources, staff.lead, each, capacity=1)
        await enrolled(api.resources, staff.stranger, each)
        await enrolled(api.resources, staff.student, each)
    await run(
        database,
        "UPDATE enrollment_policies SET closes_at = now() - interval '1 second' WHERE course_id = $1",
        course.number,
    )
    await run(
        database,
        "UPDATE enrollments SET created_at = now() - interval '366 days' WHERE course_id = $1",
        long_ago.number,
    )
    await run(database, "UPDATE courses SET status = 'archived' WHERE id = $1", archived.number)
    # A seat that becomes free after the end is nobody's.
    await withdrawn(api.resources, staff.stranger, course)
    assert await jobs.tend_waitlists(api.resources) == 3
    async with nothing_written(database):
        assert await jobs.tend_waitlists(api.resources) == 0
    states = {
        each.number: [
            row["state"] for row in await rows_of(database, each) if row["user_id"] == staff.student.number
        ]
        for each in (course, *others)
    }
    assert states == {
        course.number: ["withdrawn"],
        long_ago.number: ["withdrawn"],
        archived.number: ["withdrawn"],
        still_open.number: ["waitlisted"],
    }
    told = await listed(database, staff.student.number)
    assert [row["kind"] for row in told] == ["waitlist_ended"] * 3
    assert {row["payload"]["course_id"] for row in told} == {
        each.number for each in (course, long_ago, archived)
    }
    assert [kind for kind, _ in await kinds(database, staff.student)].count("withdrawn") == 3
    for each in (course, *others):
        assert await flaws(database, each) == []
