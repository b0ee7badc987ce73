"""Enrolling, withdrawing and the rules for it, as clients do it: what is answered, refused, written and told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.database import Database
from app.identity.actor import ANONYMOUS
from app.learning.service.waitlist import CHUNK
from graphql_schema.node import global_id
from tests.factories.catalog import (
    MadeCourse,
    Staff,
    codes,
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


def refused(payload: Any) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"]) for error in payload["userErrors"]]


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
        " SELECT id, $1, 'waitlisted', id FROM users WHERE email LIKE '%@line.test'",
        course.number,
    )
    await run(database, "UPDATE enrollment_policies SET waitlist_count = $1", CHUNK + 1)
    assert (await set_policy(api, staff, course, capacity=None))["waitlistCount"] == 1
    # A newcomer does not pass those who still wait, though seats are free.
    assert (await enroll(api, staff.student, course))["enrollment"]["state"] == "ACTIVE"
    assert await jobs.tend_waitlists(api.resources) == 1
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


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "not yet": ({"opens_at": datetime.now(UTC) + DAY}, "ENROLLMENT_NOT_OPEN"),
    "no longer": ({"closes_at": datetime(2020, 1, 1, tzinfo=UTC)}, "ENROLLMENT_CLOSED"),
    "not invited": ({"invitation_only": True}, "INVITATION_REQUIRED"),
    "neither": ({"invitation_only": True, "opens_at": datetime.now(UTC) + DAY}, "INVITATION_REQUIRED"),
}


async def invited(database: Database, staff: Staff, course: MadeCourse, email: str, *, days: int = 1) -> None:
    await run(
        database,
        "INSERT INTO invitations (course_id, email, email_key, invited_by, expires_at)"
        " VALUES ($1, $2, $2, $3, now() + $4 * interval '1 day')",
        course.number,
        email,
        staff.lead.number,
        days,
    )


@pytest.mark.parametrize("case", REFUSALS)
async def test_rules(api: Api, database: Database, staff: Staff, course: MadeCourse, case: str) -> None:
    rules, code = REFUSALS[case]
    await policy(api.resources, staff.lead, course, **rules)
    user = staff.student
    impostor = await make_user(database, email=user.email, verified=False)
    # Of another course, expired, or to an address that was not proved: it opens nothing.
    other = await make_course(database, staff.lead.actor)
    await invited(database, staff, other, user.email)
    await invited(database, staff, course, user.email, days=-1)
    async with nothing_written(database):
        for who in (user, impostor):
            payload = await enroll(api, who, course)
            assert refused(payload) == [(code, ["input", "courseId"])]
            assert payload["enrollment"] is None
    await run(
        database,
        "UPDATE invitations SET expires_at = now() + interval '1 day' WHERE course_id = $1",
        course.number,
    )
    async with nothing_written(database):
        assert refused(await enroll(api, impostor, course)) == [(code, ["input", "courseId"])]
    payload = await enroll(api, user, course)
    left = await run(database, "SELECT course_id FROM invitations")
    if code == "ENROLLMENT_CLOSED":
        assert refused(payload) == [(code, ["input", "courseId"])]
        assert len(left) == 2
    else:
        assert payload["enrollment"]["state"] == "ACTIVE"
        assert [row["course_id"] for row in left] == [other.number]


async def test_an_invitation_is_a_place_in_the_line_at_least(
    api: Api, database: Database, staff: Staff, course: MadeCourse
) -> None:
    await policy(api.resources, staff.lead, course, capacity=1, invitation_only=True)
    for user in (staff.stranger, staff.student):
        await invited(database, staff, course, user.email)
        await enrolled(api.resources, user, course)
    assert [row["state"] for row in await rows_of(database, course)] == ["active", "waitlisted"]


@pytest.mark.parametrize("status", ["draft", "archived"])
async def test_what_is_not_published(
    api: Api, database: Database, staff: Staff, course: MadeCourse, status: str
) -> None:
    learner = await make_user(database)
    await enrolled(api.resources, learner, course)
    await run(database, "UPDATE courses SET status = $2 WHERE id = $1", course.number, status)
    hidden = status == "draft"
    async with nothing_written(database):
        for user, code in (
            (staff.student, "NOT_FOUND" if hidden else "INVALID_STATE"),
            (staff.lead, "INVALID_STATE"),
            (staff.admin, "INVALID_STATE"),
        ):
            assert refused(await enroll(api, user, course)) == [(code, ["input", "courseId"])]
            payload = await api.change("withdraw", user.actor, courseId=course.id)
            assert refused(payload) == [(code, ["input", "courseId"])]
    # Leaving is always possible.
    payload = await api.change("withdraw", learner.actor, "enrollment { state }", courseId=course.id)
    assert payload == {"enrollment": {"state": "WITHDRAWN"}, "userErrors": []}


@pytest.mark.parametrize("verb", ["enroll", "withdraw"])
async def test_unknown_ids_and_nobody(api: Api, database: Database, staff: Staff, verb: str) -> None:
    async with nothing_written(database):
        for identifier in ("x", global_id("Course", 2**63 - 1), staff.student.id):
            payload = await api.change(verb, staff.student.actor, courseId=identifier)
            assert refused(payload) == [("NOT_FOUND", ["input", "courseId"])]
        document = f"mutation ($id: ID!) {{ {verb}(input: {{courseId: $id}}) {{ userErrors {{ code }} }} }}"
        assert codes(await api.ask(document, ANONYMOUS, id=global_id("Course", 1))) == ["UNAUTHENTICATED"]


async def test_an_account_that_is_gone(api: Api, database: Database, course: MadeCourse) -> None:
    user = await make_user(database)
    await run(database, "DELETE FROM users WHERE id = $1", user.number)
    async with nothing_written(database):
        answer = await api.ask(
            "mutation ($input: EnrollInput!) { enroll(input: $input) { userErrors { code } } }",
            user.actor,
            input={"courseId": course.id},
        )
    assert (answer.data, [error.message for error in answer.errors]) == (
        {"enroll": None},
        ["The account of this access token is gone."],
    )


async def test_prerequisites(api: Api, database: Database, staff: Staff, course: MadeCourse) -> None:
    one, two, hidden = [
        await make_course(database, staff.lead.actor, title=title, published=title != "Hidden")
        for title in ("One", "Two", "Hidden")
    ]
    selection = "course { prerequisites { id title } }"
    payload = await api.change(
        "setCoursePrerequisites",
        staff.lead.actor,
        selection,
        courseId=course.id,
        requiredCourseIds=[two.id, one.id, hidden.id, one.id],
    )
    assert [each["title"] for each in payload["course"]["prerequisites"]] == ["One", "Two", "Hidden"]
    user = staff.student
    seen = await api(
        "query ($id: ID!) { course(id: $id) { prerequisites { title } } }", user.actor, id=course.id
    )
    assert [each["title"] for each in seen["course"]["prerequisites"]] == ["One", "Two"]
    await enrolled(api.resources, user, one)
    await completed(database, user, one)
    await withdrawn(api.resources, user, one)
    await enrolled(api.resources, user, two)
    document = """mutation ($input: EnrollInput!) { enroll(input: $input) {
        enrollment { id } missingPrerequisites { id title viewerEnrollment { state } } userErrors { code message path } } }"""
    async with nothing_written(database):
        payload = (await api(document, user.actor, input={"courseId": course.id}))["enroll"]
    assert payload == {
        "enrollment": None,
        "missingPrerequisites": [{"id": two.id, "title": "Two", "viewerEnrollment": {"state": "ACTIVE"}}],
        "userErrors": [
            {
                "code": "PREREQUISITES_MISSING",
                "message": "Complete these courses first: Two.",
                "path": ["input", "courseId"],
            }
        ],
    }
    await completed(database, user, two)
    payload = (await api(document, user.actor, input={"courseId": course.id}))["enroll"]
    assert (payload["enrollment"]["id"], payload["missingPrerequisites"]) == (
        enrollment_id(user, course),
        None,
    )
    # Who is in stays in; a list replaces the one before.
    payload = await api.change(
        "setCoursePrerequisites", staff.lead.actor, selection, courseId=course.id, requiredCourseIds=[]
    )
    assert payload["course"] == {"prerequisites": []}


async def test_wrong_prerequisites(api: Api, database: Database, staff: Staff) -> None:
    courses = [await make_course_of(database, staff, title=f"Course {n}") for n in range(22)]
    draft = await make_course(database, staff.stranger.actor, published=False)

    async def require(course: MadeCourse, *required: str) -> list[tuple[str, list[str]]]:
        payload = await api.change(
            "setCoursePrerequisites", staff.lead.actor, courseId=course.id, requiredCourseIds=required
        )
        return refused(payload)

    first, second, third = courses[:3]
    assert await require(first, second.id) == await require(second, third.id) == []
    where = ["input", "requiredCourseIds"]
    async with nothing_written(database):
        assert await require(third, first.id) == [("INVALID_INPUT", where)]
        assert await require(third, third.id) == [("INVALID_INPUT", where)]
        assert await require(first, draft.id) == [("NOT_FOUND", where)]
        assert await require(first, staff.student.id) == [("NOT_FOUND", where)]
        assert await require(first, *(course.id for course in courses[1:])) == [("LIMIT_REACHED", where)]
    assert await require(first, *(course.id for course in courses[1:21])) == []


BAD_RULES: list[tuple[dict[str, Any], str]] = [
    ({"capacity": 0}, "capacity"),
    ({"capacity": -1}, "capacity"),
    ({"capacity": 1_000_001}, "capacity"),
    ({"opensAt": "2030-01-02T00:00:00Z", "closesAt": "2030-01-02T00:00:00Z"}, "closesAt"),
    ({"closesAt": "2028-12-31T00:00:00Z"}, "closesAt"),
    ({"opensAt": "0001-01-01T00:00:00+14:00"}, "opensAt"),
    ({"closesAt": "9999-12-31T23:59:59-14:00"}, "closesAt"),
]


async def test_policy(api: Api, database: Database, staff: Staff, course: MadeCourse) -> None:
    document = f"query ($id: ID!) {{ course(id: $id) {{ {POLICY[9:-1]} }} }}"
    nothing = {
        "capacity": None,
        "opensAt": None,
        "closesAt": None,
        "invitationOnly": False,
        "waitlistCount": 0,
    }
    identifier = {"id": global_id("EnrollmentPolicy", course.number)}
    data = await api(document, ANONYMOUS, id=course.id)
    assert data["course"]["enrollmentPolicy"] == identifier | nothing
    rules = {"capacity": 5, "opensAt": "2029-01-01T00:00:00+00:00", "invitationOnly": True}
    assert await set_policy(api, staff, course, **rules) == identifier | nothing | rules
    # What is left out stays; null takes away; the same again writes nothing.
    async with nothing_written(database):
        assert await set_policy(api, staff, course) == identifier | nothing | rules
    for values, name in BAD_RULES:
        async with nothing_written(database):
            payload = await api.change(
                "updateEnrollmentPolicy", staff.lead.actor, courseId=course.id, **values
            )
        assert refused(payload) == [("INVALID_INPUT", ["input", name])], values
    changed = {"capacity": None, "opensAt": None, "invitationOnly": None}
    assert await set_policy(api, staff, course, **changed) == identifier | nothing


@pytest.mark.parametrize(
    ("verb", "values"),
    [("updateEnrollmentPolicy", {"capacity": 3}), ("setCoursePrerequisites", {"requiredCourseIds": []})],
)
async def test_rules_are_the_instructors(
    api: Api, staff: Staff, course: MadeCourse, verb: str, values: dict[str, Any]
) -> None:
    database = api.resources.database
    document = f"mutation ($input: {verb[0].upper()}{verb[1:]}Input!) {{ {verb}(input: $input) {{ userErrors {{ code }} }} }}"
    given = {"courseId": course.id} | values
    await enrolled(api.resources, staff.student, course)
    for role, code in (
        ("anonymous", "UNAUTHENTICATED"),
        ("student", "FORBIDDEN"),
        ("stranger", "FORBIDDEN"),
    ):
        async with nothing_written(database):
            assert codes(await api.ask(document, staff.actor(role), input=given)) == [code], role
    for role in ("lead", "colleague", "admin"):
        assert (await api(document, staff.actor(role), input=given))[verb] == {"userErrors": []}
    await run(database, "UPDATE courses SET status = 'archived' WHERE id = $1", course.number)
    async with nothing_written(database):
        data = await api(document, staff.lead.actor, input=given)
    assert data[verb] == {"userErrors": [{"code": "INVALID_STATE"}]}
