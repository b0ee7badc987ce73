"""Making, naming and dissolving cohorts; who is in them, and who may say so."""

import asyncio
from typing import Any

import pytest

from app.database import Database
from app.learning.service.cohorts import COHORT_LIMIT
from app.resources import Resources
from graphql_schema.node import global_id
from tests.factories.catalog import (
    MadeCourse,
    Staff,
    codes,
    make_course_of,
    nothing_written,
    run,
)
from tests.factories.identity import make_user
from tests.factories.learning import enrol_rows, invitations, invite, make_cohort, members
from tests.support.api import Api

COHORT = "cohort { id name memberCount course { id } }"
NOBODY = global_id("User", 2**63 - 1)
VERBS = ("createCohort", "renameCohort", "removeCohort", "addCohortMembers", "removeCohortMembers")


@pytest.fixture
async def course(database: Database, staff: Staff) -> MadeCourse:
    return await make_course_of(database, staff)


@pytest.fixture
async def cohort(database: Database, staff: Staff, course: MadeCourse) -> int:
    return await make_cohort(database, staff.lead.actor, course.number)


def refused(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"]) for error in payload["userErrors"]]


def values_of(verb: str, course: MadeCourse, cohort: int, user: str) -> dict[str, Any]:
    """A good input of each mutation."""
    named: dict[str, Any] = {"cohortId": global_id("Cohort", cohort)}
    values: dict[str, dict[str, Any]] = {
        "createCohort": {"courseId": course.id, "name": "Morning"},
        "renameCohort": named | {"name": "Night"},
        "removeCohort": named,
        "addCohortMembers": named | {"userIds": [user]},
        "removeCohortMembers": named | {"userIds": [user]},
    }
    return values[verb]


async def test_a_cohort_is_made_named_and_dissolved(
    api: Api, database: Database, staff: Staff, course: MadeCourse
) -> None:
    made = await api.change(
        "createCohort", staff.colleague.actor, COHORT, courseId=course.id, name="  Evening  "
    )
    identifier = made["cohort"]["id"]
    assert made == {
        "cohort": {"id": identifier, "name": "Evening", "memberCount": 0, "course": {"id": course.id}},
        "userErrors": [],
    }
    named = await api.change(
        "renameCohort", staff.lead.actor, "cohort { id name }", cohortId=identifier, name="Night"
    )
    assert named["cohort"] == {"id": identifier, "name": "Night"}
    # Its own name is no other's.
    again = await api.change(
        "renameCohort", staff.lead.actor, "cohort { name }", cohortId=identifier, name="Night"
    )
    assert again == {"cohort": {"name": "Night"}, "userErrors": []}
    gone = await api.change(
        "removeCohort",
        staff.admin.actor,
        "removedCohortId course { id cohorts { id } }",
        cohortId=identifier,
    )
    assert gone == {
        "removedCohortId": identifier,
        "course": {"id": course.id, "cohorts": []},
        "userErrors": [],
    }
    assert await run(database, "SELECT count(*) FROM cohorts") == [(0,)]


@pytest.mark.parametrize("state", ["waitlisted", "active", "completed", "withdrawn"])
async def test_whoever_was_ever_enrolled_may_be_a_member(
    *, api: Api, database: Database, staff: Staff, course: MadeCourse, cohort: int, state: str
) -> None:
    await enrol_rows(database, course.number, [staff.student.number], state=state)
    added = await api.change(
        "addCohortMembers",
        staff.lead.actor,
        "cohort { memberCount members(first: 5) { nodes { user { id name email } } } }",
        cohortId=global_id("Cohort", cohort),
        userIds=[staff.student.id, staff.student.id],
    )
    # Instructors learn the name, not the address.
    person = {"id": staff.student.id, "name": staff.student.name, "email": None}
    assert added == {
        "cohort": {"memberCount": 1, "members": {"nodes": [{"user": person}]}},
        "userErrors": [],
    }


async def test_members_leave_and_stay_enrolled(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse, cohort: int
) -> None:
    database = resources.database
    people = [await make_user(database) for _ in range(3)]
    numbers = [person.number for person in people]
    await enrol_rows(database, course.number, numbers)
    identifier = global_id("Cohort", cohort)
    change: dict[str, Any] = {"cohortId": identifier, "userIds": [person.id for person in people]}
    await api.change("addCohortMembers", staff.lead.actor, **change)
    await api.change("addCohortMembers", staff.lead.actor, **change)
    assert await members(database, cohort) == numbers
    removed = await api.change(
        "removeCohortMembers",
        staff.lead.actor,
        "cohort { memberCount }",
        cohortId=identifier,
        userIds=[people[0].id, staff.student.id],
    )
    assert removed == {"cohort": {"memberCount": 2}, "userErrors": []}
    await invite(resources, staff.lead.actor, course.number, "new@school.test", cohort_id=cohort)
    await api.change("removeCohort", staff.lead.actor, cohortId=identifier)
    assert await run(database, "SELECT count(*) FROM cohort_members") == [(0,)]
    assert await run(database, "SELECT count(*) FROM enrollments WHERE state = 'active'") == [(3,)]
    assert await invitations(database, course.number) == [("new@school.test", None)]


async def test_who_never_was_enrolled_is_no_member_whether_or_not_they_exist(
    api: Api, database: Database, staff: Staff, course: MadeCourse, cohort: int
) -> None:
    other = await make_course_of(database, staff)
    enrolled = await make_user(database)
    await enrol_rows(database, course.number, [enrolled.number])
    await enrol_rows(database, other.number, [staff.student.number])
    async with nothing_written(database):
        for user in (staff.student.id, NOBODY):
            payload = await api.change(
                "addCohortMembers",
                staff.lead.actor,
                "cohort { id }",
                cohortId=global_id("Cohort", cohort),
                userIds=[enrolled.id, user],
            )
            assert refused(payload) == [("NOT_FOUND", ["input", "userIds", "1"])]
            assert payload["cohort"] is None


@pytest.mark.parametrize(
    ("verb", "values", "code", "path"),
    [
        ("createCohort", {"name": " "}, "INVALID_INPUT", ["name"]),
        ("createCohort", {"name": "x" * 101}, "INVALID_INPUT", ["name"]),
        ("createCohort", {"name": "a\0b"}, "INVALID_INPUT", ["name"]),
        ("createCohort", {"name": "Evening"}, "CONFLICT", ["name"]),
        ("createCohort", {"courseId": "Course:1"}, "NOT_FOUND", ["courseId"]),
        ("renameCohort", {"name": "a\nb"}, "INVALID_INPUT", ["name"]),
        ("renameCohort", {"name": "Weekend"}, "CONFLICT", ["name"]),
        ("renameCohort", {"cohortId": global_id("Cohort", 2**63 - 1)}, "NOT_FOUND", ["cohortId"]),
        ("removeCohort", {"cohortId": global_id("Course", 1)}, "NOT_FOUND", ["cohortId"]),
        ("addCohortMembers", {"userIds": []}, "INVALID_INPUT", ["userIds"]),
        ("addCohortMembers", {"userIds": [NOBODY] * 101}, "INVALID_INPUT", ["userIds"]),
        ("addCohortMembers", {"userIds": ["x"]}, "NOT_FOUND", ["userIds"]),
        ("removeCohortMembers", {"userIds": []}, "INVALID_INPUT", ["userIds"]),
        ("removeCohortMembers", {"userIds": [NOBODY] * 101}, "INVALID_INPUT", ["userIds"]),
    ],
)
async def test_refusals(
    *,
    api: Api,
    database: Database,
    staff: Staff,
    course: MadeCourse,
    cohort: int,
    verb: str,
    values: dict[str, Any],
    code: str,
    path: list[str],
) -> None:
    await make_cohort(database, staff.lead.actor, course.number, "Weekend")
    async with nothing_written(database):
        good = values_of(verb, course, cohort, staff.student.id)
        payload = await api.change(verb, staff.lead.actor, **good | values)
        assert refused(payload) == [(code, ["input", *path])]


@pytest.mark.parametrize("verb", VERBS)
async def test_nobody_else_may(
    *, api: Api, database: Database, staff: Staff, course: MadeCourse, cohort: int, verb: str
) -> None:
    await enrol_rows(database, course.number, [staff.student.number])
    document = (
        f"mutation ($input: {verb[0].upper()}{verb[1:]}Input!)"
        f" {{ {verb}(input: $input) {{ userErrors {{ code path }} }} }}"
    )
    values = values_of(verb, course, cohort, staff.student.id)
    async with nothing_written(database):
        for role, code in (("nobody", "UNAUTHENTICATED"), ("student", "FORBIDDEN")):
            answer = await api.ask(document, staff.actor(role), input=values)
            assert (codes(answer), answer.data) == ([code], {verb: None})
        answer = await api.ask(document, staff.stranger.actor, input=values)
        if verb == "createCohort":
            # That there is the course is no secret.
            assert codes(answer) == ["FORBIDDEN"]
        else:
            assert refused(answer.data[verb]) == [("NOT_FOUND", ["input", "cohortId"])]


@pytest.mark.parametrize("verb", VERBS)
async def test_an_archived_course_does_not_change(
    *, api: Api, database: Database, staff: Staff, course: MadeCourse, cohort: int, verb: str
) -> None:
    await api.change("archiveCourse", staff.lead.actor, courseId=course.id)
    async with nothing_written(database):
        payload = await api.change(
            verb, staff.lead.actor, **values_of(verb, course, cohort, staff.student.id)
        )
        path = "courseId" if verb == "createCohort" else "cohortId"
        assert refused(payload) == [("INVALID_STATE", ["input", path])]


async def test_a_course_has_a_hundred_cohorts_at_most(
    api: Api, database: Database, staff: Staff, course: MadeCourse
) -> None:
    await run(
        database,
        "INSERT INTO cohorts (course_id, name) SELECT $1, n::text FROM generate_series(1, $2::int) AS n",
        course.number,
        COHORT_LIMIT,
    )
    async with nothing_written(database):
        payload = await api.change("createCohort", staff.lead.actor, courseId=course.id, name="One more")
        assert refused(payload) == [("LIMIT_REACHED", ["input", "courseId"])]


async def test_statements_do_not_grow_with_members(
    api: Api, database: Database, staff: Staff, course: MadeCourse, cohort: int
) -> None:
    people = [await make_user(database) for _ in range(100)]
    await enrol_rows(database, course.number, [person.number for person in people])
    for verb in ("addCohortMembers", "removeCohortMembers"):
        counts = []
        for some in (people[:1], people):
            answer = await api.ask(
                f"mutation ($input: {verb[0].upper()}{verb[1:]}Input!) {{ {verb}(input: $input)"
                " { cohort { memberCount } userErrors { code } } }",
                staff.lead.actor,
                input={"cohortId": global_id("Cohort", cohort), "userIds": [person.id for person in some]},
            )
            assert answer.data[verb]["userErrors"] == []
            counts.append(len(answer.statements))
        assert counts == [counts[0]] * 2
    assert await members(database, cohort) == []


async def test_many_change_a_cohort_at_once(
    crowd_api: Api, database: Database, staff: Staff, course: MadeCourse, cohort: int
) -> None:
    """Whatever the order, it is one that somebody could have clicked; nothing fails."""
    people = [await make_user(database) for _ in range(10)]
    await enrol_rows(database, course.number, [person.number for person in people])
    identifier = global_id("Cohort", cohort)

    async def change(verb: str, some: Any) -> None:
        payload = await crowd_api.change(
            verb, staff.lead.actor, cohortId=identifier, userIds=[person.id for person in some]
        )
        assert payload["userErrors"] == []

    await asyncio.gather(
        *(change("addCohortMembers", people) for _ in range(4)),
        *(change("addCohortMembers", people[::-1]) for _ in range(4)),
        *(change("removeCohortMembers", people[:5]) for _ in range(4)),
    )
    found = await members(database, cohort)
    assert found in (sorted(person.number for person in people), [person.number for person in people[5:]])


async def test_names_stay_different_when_many_are_made_at_once(
    crowd_api: Api, database: Database, staff: Staff, course: MadeCourse
) -> None:
    payloads = await asyncio.gather(
        *(
            crowd_api.change(
                "createCohort", staff.lead.actor, "cohort { id }", courseId=course.id, name="One"
            )
            for _ in range(8)
        )
    )
    assert sorted(map(refused, payloads)) == [[], *[[("CONFLICT", ["input", "name"])]] * 7]
    assert await run(database, "SELECT count(*) FROM cohorts") == [(1,)]
