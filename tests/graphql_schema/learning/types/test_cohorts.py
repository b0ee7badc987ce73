"""Who sees cohorts and invitations, on every path; how many statements a page of them takes."""

from typing import Any

import pytest

from app.database import Database
from app.identity.actor import Actor
from app.identity.models import Role
from app.resources import Resources
from graphql_schema.node import global_id
from tests.factories.catalog import MadeCourse, Staff, make_course_of, run
from tests.factories.identity import make_user
from tests.factories.learning import enrol_rows, invite, make_cohort
from tests.support.api import Api

COHORT = "... on Cohort { id name memberCount course { id } members(first: 2) { nodes { user { id } } } }"
INVITATION = "... on Invitation { id email cohort { name } course { id } }"
PATHS = f"""query ($course: ID!, $cohort: ID!, $invitation: ID!) {{
    course(id: $course) {{ cohorts {{ {COHORT} }} invitations(first: 5) {{ nodes {{ {INVITATION} }} }} }}
    courses(first: 5) {{ nodes {{ cohorts {{ id }} invitations(first: 5) {{ nodes {{ id }} }} }} }}
    cohort: node(id: $cohort) {{ {COHORT} }}
    invitation: node(id: $invitation) {{ {INVITATION} }}
    nodes(ids: [$cohort, $invitation]) {{ id }}
    viewer {{ invitations {{ id course {{ cohorts {{ id }} }} cohort {{ id }} }} }} }}"""


@pytest.fixture
async def course(database: Database, staff: Staff) -> MadeCourse:
    return await make_course_of(database, staff)


class Seen:
    """What somebody sees of one cohort and one invitation, path by path."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.cohort = (
            data["course"]["cohorts"],
            data["courses"]["nodes"][0]["cohorts"],
            data["cohort"],
            data["nodes"][0],
        )
        self.invitation = (
            data["course"]["invitations"],
            data["courses"]["nodes"][0]["invitations"],
            data["invitation"],
            data["nodes"][1],
        )
        self.viewer = data["viewer"] and data["viewer"]["invitations"]


@pytest.mark.parametrize(
    "role", ["nobody", "student", "learner", "member", "stranger", "demoted", "lead", "colleague", "admin"]
)
async def test_cohorts_and_invitations_are_for_who_manages_the_course(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse, role: str
) -> None:
    database = resources.database
    learner, member = await make_user(database), await make_user(database)
    await enrol_rows(database, course.number, [learner.number, member.number])
    cohort = await make_cohort(database, staff.lead.actor, course.number)
    await run(database, "INSERT INTO cohort_members VALUES ($1, $2)", cohort, member.number)
    (made,) = await invite(resources, staff.lead.actor, course.number, "ann@school.test", cohort_id=cohort)
    actor = {
        "learner": learner.actor,
        "member": member.actor,
        # Taught the course once, and learns again.
        "demoted": Actor(staff.colleague.number, Role.STUDENT),
    }.get(role) or staff.actor(role)
    names = {"cohort": global_id("Cohort", cohort), "invitation": global_id("Invitation", made)}
    seen = Seen(await api(PATHS, actor, course=course.id, **names))
    if role not in {"lead", "colleague", "admin"}:
        assert seen.cohort == (None,) * 4
        assert seen.invitation == (None,) * 4
    else:
        whole = {
            "id": names["cohort"],
            "name": "Evening",
            "memberCount": 1,
            "course": {"id": course.id},
            "members": {"nodes": [{"user": {"id": member.id}}]},
        }
        assert seen.cohort == ([whole], [{"id": names["cohort"]}], whole, {"id": names["cohort"]})
        letter = {
            "id": names["invitation"],
            "email": "ann@school.test",
            "cohort": {"name": "Evening"},
            "course": {"id": course.id},
        }
        assert seen.invitation == (
            {"nodes": [letter]},
            {"nodes": [{"id": names["invitation"]}]},
            letter,
            {"id": names["invitation"]},
        )
    assert seen.viewer == (None if role == "nobody" else [])


@pytest.mark.parametrize("case", ["proved", "unproved", "enrolled", "withdrawn", "expired", "unpublished"])
async def test_whoever_was_invited_sees_it_once_the_address_is_proved(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse, case: str
) -> None:
    database = resources.database
    invited = await make_user(database, email="Ann@school.test", verified=case != "unproved")
    cohort = await make_cohort(database, staff.lead.actor, course.number)
    (made,) = await invite(resources, staff.lead.actor, course.number, "ann@SCHOOL.test", cohort_id=cohort)
    if case == "enrolled":
        await enrol_rows(database, course.number, [invited.number])
    if case == "withdrawn":
        await enrol_rows(database, course.number, [invited.number], state="withdrawn")
    if case == "expired":
        await run(database, "UPDATE invitations SET expires_at = now()")
    names = {"cohort": global_id("Cohort", cohort), "invitation": global_id("Invitation", made)}
    if case == "unpublished":
        await run(database, "UPDATE courses SET status = 'draft'")
        answer = await api("{ viewer { invitations { id } } }", invited.actor)
        assert answer == {"viewer": {"invitations": []}}
        return
    seen = Seen(await api(PATHS, invited.actor, course=course.id, **names))
    assert seen.cohort == (None,) * 4
    if case in {"proved", "withdrawn"}:
        letter = {
            "id": names["invitation"],
            "email": "ann@school.test",
            "cohort": None,
            "course": {"id": course.id},
        }
        assert seen.invitation == (None, None, letter, {"id": names["invitation"]})
        assert seen.viewer == [{"id": names["invitation"], "course": {"cohorts": None}, "cohort": None}]
    else:
        assert seen.invitation == (None,) * 4
        assert seen.viewer == []


async def test_pages_of_members_and_of_invitations(
    api: Api, resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    database = resources.database
    people = [await make_user(database) for _ in range(5)]
    cohort = await make_cohort(database, staff.lead.actor, course.number)
    for person in people:
        await run(database, "INSERT INTO cohort_members VALUES ($1, $2)", cohort, person.number)
        await invite(resources, staff.lead.actor, course.number, person.email)
    members, letters = await _walk(api, staff.lead.actor, course)
    assert members == [person.id for person in people]
    assert letters == [person.email for person in people]


async def _walk(api: Api, actor: Actor, course: MadeCourse) -> tuple[list[str], list[str]]:
    """All members of the first cohort, all addresses invited, two at a time."""
    page = "pageInfo { hasNextPage endCursor }"
    document = f"""query ($id: ID!, $members: String, $letters: String) {{ course(id: $id) {{
        cohorts {{ members(first: 2, after: $members) {{ nodes {{ user {{ id }} }} {page} }} }}
        invitations(first: 2, after: $letters) {{ nodes {{ email }} {page} }} }} }}"""
    members: list[str] = []
    letters: list[str] = []
    cursors: dict[str, Any] = {}
    more = True
    while more:
        found = (await api(document, actor, id=course.id, **cursors))["course"]
        first = found["cohorts"][0]["members"]
        members += [node["user"]["id"] for node in first["nodes"]]
        letters += [node["email"] for node in found["invitations"]["nodes"]]
        cursors = {
            "members": first["pageInfo"]["endCursor"],
            "letters": found["invitations"]["pageInfo"]["endCursor"],
        }
        more = first["pageInfo"]["hasNextPage"]
    return members, letters


COUNTED = {
    "course": """query ($id: ID!) { course(id: $id) { cohorts {
        name memberCount course { title } members(first: 100) { nodes { addedAt user { name } } } } } }""",
    "invitations": """query ($id: ID!) { course(id: $id) { invitations(first: 100) {
        nodes { email cohort { name memberCount } course { title } invitedBy { name } } } } }""",
    "viewer": """{ viewer { invitations { email cohort { id } course { title } invitedBy { name } } } }""",
    "courses": "{ courses(first: 100) { nodes { cohorts { name memberCount } invitations(first: 5) { nodes { email } } } } }",
}


async def test_statements_do_not_grow(api: Api, resources: Resources, staff: Staff) -> None:
    """Of each list at one and at a hundred: members, cohorts, invitations of a course, of the viewer, of many courses."""
    database = resources.database
    counts: dict[str, list[int]] = {name: [] for name in COUNTED}
    course = await make_course_of(database, staff)
    await _fill(database, staff, course, 1, 1)
    for first, last in ((1, 1), (2, 100)):
        if last > 1:
            await _fill(database, staff, course, first, last)
        for name, document in COUNTED.items():
            actor = staff.student.actor if name == "viewer" else staff.lead.actor
            variables = {"id": course.id} if "$id" in document else {}
            # Once for the cache.
            await api(document, actor, **variables)
            answer = await api.ask(document, actor, **variables)
            assert answer.errors == []
            counts[name].append(len(answer.statements))
    assert len((await api(COUNTED["viewer"], staff.student.actor))["viewer"]["invitations"]) == 100
    assert len((await api(COUNTED["course"], staff.lead.actor, id=course.id))["course"]["cohorts"]) == 100
    assert counts == {name: [found[0]] * 2 for name, found in counts.items()}


async def _fill(database: Database, staff: Staff, course: MadeCourse, first: int, last: int) -> None:
    """Cohorts with members, invitations into them, other courses, and invitations of the student to those."""
    await run(
        database,
        """
        WITH u AS (INSERT INTO users (email, email_key, name, role) SELECT 'm' || n, 'm' || n, 'M', 'student'
                   FROM generate_series($2::int, $3::int) AS n RETURNING id),
        c AS (INSERT INTO cohorts (course_id, name) SELECT $1, n::text FROM generate_series($2::int, $3::int) AS n
              RETURNING id),
        m AS (INSERT INTO cohort_members (cohort_id, user_id) SELECT c.id, u.id FROM c, u
              WHERE c.id = (SELECT max(id) FROM c) OR u.id = (SELECT max(id) FROM u)),
        i AS (INSERT INTO invitations (course_id, email, email_key, cohort_id, invited_by, expires_at)
              SELECT $1, id || '@a.test', id || '@a.test', id, $4, now() + interval '1 day' FROM c),
        o AS (INSERT INTO courses (slug, title, status, instructor_id, published_at)
              SELECT 'other-' || n, 'Other', 'published', $4, now() - interval '1 day' FROM generate_series($2::int, $3::int) AS n
              RETURNING id),
        s AS (INSERT INTO course_stats (course_id) SELECT id FROM o),
        t AS (INSERT INTO course_instructors (course_id, user_id) SELECT id, $4 FROM o)
        INSERT INTO invitations (course_id, email, email_key, invited_by, expires_at)
        SELECT id, $5, $5, $4, now() + interval '1 day' FROM o
        """,
        course.number,
        first,
        last,
        staff.lead.number,
        staff.student.email,
    )
