"""Who may enrol: rules, invitations, prerequisites, states of the course; and who sets the rules."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.database import Database
from app.identity.actor import ANONYMOUS
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
from tests.factories.learning import completed, enrolled, enrollment_id, policy, rows_of, withdrawn
from tests.support.api import Api

ENROLLMENT = "enrollment { id state }"
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
