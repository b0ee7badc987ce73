"""Who sees which enrolment, on every path; lists of one's own, and of a course's learners."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.database import Database
from app.identity.actor import ANONYMOUS
from graphql_schema.node import global_id, global_id_of
from tests.factories.catalog import MadeCourse, Staff, codes, make_course, make_course_of, run
from tests.factories.identity import make_user
from tests.factories.learning import enrolled, enrollment_id, make_cohort, policy
from tests.support.api import Api

OWN = """query ($first: Int!, $after: String, $state: EnrollmentState) { viewer {
    enrollments(first: $first, after: $after, state: $state) {
        nodes { id state } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""
LEARNERS = """query ($id: ID!, $first: Int!, $after: String, $state: EnrollmentState, $cohort: ID) { course(id: $id) {
    enrollments(first: $first, after: $after, state: $state, cohortId: $cohort) {
        nodes { id state waitlistPosition user { id name email } progress { share } }
        edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""
STATES = ("ACTIVE", "WAITLISTED", "COMPLETED", "WITHDRAWN")
FILL = """
    WITH people AS (
        INSERT INTO users (email, email_key, name) SELECT n || '@many.test', n || '@many.test', 'N' || n
        FROM generate_series(1, $2::int) AS n RETURNING id
    )
    INSERT INTO enrollments (user_id, course_id, state, waitlist_number, created_at, enrolled_at, completed_at)
    SELECT id, $1, $3, CASE $3 WHEN 'waitlisted' THEN id END, now() - interval '1 day' + id % 3 * interval '1 second',
           now(), CASE $3 WHEN 'completed' THEN now() END
    FROM people RETURNING user_id
"""


@pytest.fixture
async def course(database: Database, staff: Staff) -> MadeCourse:
    return await make_course_of(database, staff, lessons=(4,))


async def learners(api: Api, staff: Staff, course: MadeCourse, first: int = 50, **more: Any) -> Any:
    return (await api(LEARNERS, staff.lead.actor, id=course.id, first=first, **more))["course"]["enrollments"]


@pytest.mark.parametrize("status", ["published", "draft"])
async def test_who_sees_it(
    api: Api, database: Database, staff: Staff, course: MadeCourse, status: str
) -> None:
    learner, classmate = staff.student, await make_user(database)
    for user in (learner, classmate):
        await enrolled(api.resources, user, course)
    await run(database, "UPDATE courses SET status = $2 WHERE id = $1", course.number, status)
    await api.resources.cache.forget([f"course_card:public:{course.number}"])
    document = """query ($id: ID!, $course: ID!, $lesson: ID!) {
        node(id: $id) { ...it } nodes(ids: [$course, $id]) { ...it }
        course(id: $course) { enrollments(first: 1) { nodes { ...it } edges { node { ...it } } } viewerEnrollment { ...it } }
        lesson: node(id: $lesson) { ... on Lesson { course { enrollments(first: 1) { nodes { ...it } } viewerEnrollment { ...it } } } }
        viewer { enrollments(first: 5) { nodes { ...it } edges { node { ...it } } } } }
        fragment it on Enrollment { id user { id } }"""
    identifier = enrollment_id(learner, course)
    it, its = {"id": identifier, "user": {"id": learner.id}}, {"id": enrollment_id(classmate, course)}
    roles = {"learner": learner.actor, "classmate": classmate.actor}
    roles |= {role: staff.actor(role) for role in ("anonymous", "stranger", "lead", "colleague", "admin")}
    for role, actor in roles.items():
        data = await api(document, actor, id=identifier, course=course.id, lesson=course.lessons[0])
        manages = role in {"lead", "colleague", "admin"}
        sees = manages or role == "learner"
        assert data["node"] == (it if sees else None), role
        assert data["nodes"][1] == (it if sees else None), role
        if status == "draft" and not manages:
            # One's own is there, the course behind it is not.
            assert (data["course"], data["lesson"]) == (None, {}) or data["lesson"] is None, role
        else:
            for found in (data["course"], data["lesson"]["course"]):
                page = found["enrollments"]
                assert (page and page["nodes"]) == ([it] if manages else None), role
                own = found["viewerEnrollment"]
                assert (own and own["id"]) == {"learner": it["id"], "classmate": its["id"]}.get(role), role
        listed = data["viewer"] and [node["id"] for node in data["viewer"]["enrollments"]["nodes"]]
        expected = {"anonymous": None, "learner": [it["id"]], "classmate": [its["id"]]}
        assert listed == expected.get(role, []), role


async def test_an_instructor_who_teaches_no_longer(
    api: Api, database: Database, staff: Staff, course: MadeCourse
) -> None:
    """By the role in the token, also where the course still names them."""
    await enrolled(api.resources, staff.student, course)
    former = await make_user(database)
    await run(database, "INSERT INTO course_instructors VALUES ($1, $2)", course.number, former.number)
    document = "query ($id: ID!, $course: ID!) { node(id: $id) { id } course(id: $course) { enrollments(first: 1) { nodes { id } } } }"
    data = await api(document, former.actor, id=enrollment_id(staff.student, course), course=course.id)
    assert data == {"node": None, "course": {"enrollments": None}}


@pytest.mark.parametrize("wrong", ["1.2", "1", "1.", ".1", "1.2.3", "01.2", "1.-2", "1.99999999999999999999"])
async def test_ids_of_nothing(api: Api, staff: Staff, wrong: str) -> None:
    document = "query ($id: ID!) { node(id: $id) { id } }"
    data = await api(document, staff.admin.actor, id=global_id_of(f"Enrollment:{wrong}"))
    assert data == {"node": None}


async def test_own_pages(api: Api, database: Database, staff: Staff) -> None:
    """The latest first; equal moments by the course; each state alone."""
    user = staff.student
    courses = [await make_course(database, staff.lead.actor, title=f"Course {n}") for n in range(9)]
    began = datetime(2026, 1, 1, tzinfo=UTC)
    for number, made in enumerate(courses):
        state = STATES[number % 4].lower()
        await run(
            database,
            "INSERT INTO enrollments (user_id, course_id, state, waitlist_number, completed_at, created_at)"
            " VALUES ($1, $2, $3, CASE $3 WHEN 'waitlisted' THEN 1 END, now(), $4)",
            user.number,
            made.number,
            state,
            began + timedelta(microseconds=number // 3),
        )
    expected = [enrollment_id(user, made) for made in reversed(courses)]

    async def pages(first: int, **more: Any) -> list[str]:
        seen: list[str] = []
        after = None
        while True:
            page = (await api(OWN, user.actor, first=first, after=after, **more))["viewer"]["enrollments"]
            assert [edge["node"]["id"] for edge in page["edges"]] == [node["id"] for node in page["nodes"]]
            assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
            seen += [node["id"] for node in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return seen

    assert [await pages(first) for first in (1, 2, 100)] == [expected] * 3
    for number, state in enumerate(STATES):
        wanted = [enrollment_id(user, made) for made in reversed(courses[number::4])]
        assert [await pages(first, state=state) for first in (1, 100)] == [wanted] * 2, state


async def test_learners_pages(api: Api, database: Database, staff: Staff, course: MadeCourse) -> None:
    """The earliest first; equal moments by the account; each state and each cohort alone."""
    numbers: dict[str, list[int]] = {}
    for state in STATES:
        rows = await run(database, FILL, course.number, 7, state.lower())
        numbers[state] = [row["user_id"] for row in rows]
        await run(
            database,
            "UPDATE users SET email_key = email_key || id, email = email || id WHERE email LIKE '%@many.test'",
        )
    rows = await run(
        database,
        "SELECT user_id FROM enrollments WHERE course_id = $1 ORDER BY created_at, user_id",
        course.number,
    )
    everybody = [row["user_id"] for row in rows]
    cohort = await make_cohort(database, staff.lead.actor, course.number)
    members = everybody[::3]
    await run(
        database,
        "INSERT INTO cohort_members (cohort_id, user_id) SELECT $1, unnest($2::bigint[])",
        cohort,
        members,
    )
    elsewhere = await make_course_of(database, staff, title="Elsewhere")

    async def pages(first: int, **more: Any) -> list[str]:
        seen: list[str] = []
        after = None
        while True:
            page = await learners(api, staff, course, first=first, after=after, **more)
            seen += [node["id"] for node in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return seen

    def ids(chosen: list[int]) -> list[str]:
        return [global_id("Enrollment", (number, course.number)) for number in chosen]

    assert [await pages(first) for first in (5, 100)] == [ids(everybody)] * 2
    named = global_id("Cohort", cohort)
    assert [await pages(first, cohort=named) for first in (4, 100)] == [ids(members)] * 2
    for state in STATES:
        of_state = [number for number in everybody if number in numbers[state]]
        assert await pages(3, state=state) == ids(of_state)
        assert await pages(2, state=state, cohort=named) == ids([n for n in of_state if n in members])
    # Of another course, or of none.
    assert (await learners(api, staff, elsewhere, cohort=named))["nodes"] == []
    for wrong in ("x", course.id, global_id("Cohort", 2**63 - 1)):
        assert await pages(3, cohort=wrong) == []


@pytest.mark.parametrize("document", [OWN, LEARNERS])
@pytest.mark.parametrize(
    "values",
    [{"first": 0}, {"first": 101}, {"first": 1, "after": "x"}, {"first": 1, "after": "eyJpZCI6MX0="}],
)
async def test_pages_are_bounded(
    api: Api, staff: Staff, course: MadeCourse, document: str, values: dict[str, Any]
) -> None:
    if document == LEARNERS:
        values = values | {"id": course.id}
    assert codes(await api.ask(document, staff.lead.actor, **values)) == ["BAD_USER_INPUT"]


async def test_places_in_a_line(api: Api, database: Database, staff: Staff, course: MadeCourse) -> None:
    await policy(api.resources, staff.lead, course, capacity=1)
    other = await make_course_of(database, staff, title="Other")
    await policy(api.resources, staff.lead, other, capacity=1)
    people = [await make_user(database) for _ in range(5)]
    for user in people:
        await enrolled(api.resources, user, course)
    for user in reversed(people):
        await enrolled(api.resources, user, other)
    await run(
        database,
        "UPDATE enrollments SET state = 'withdrawn', waitlist_number = NULL WHERE user_id = $1",
        people[2].number,
    )
    answer = await api.ask(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Course { enrollments(first: 9) { nodes { id waitlistPosition } } } } }",
        staff.lead.actor,
        ids=[course.id, other.id],
    )
    places = {
        node["id"]: node["waitlistPosition"]
        for each in answer.data["nodes"]
        for node in each["enrollments"]["nodes"]
    }
    assert [places[enrollment_id(user, course)] for user in people] == [None, 1, None, 2, 3]
    assert [places[enrollment_id(user, other)] for user in people] == [3, 2, None, 1, None]
    assert len(answer.statements) == 4, "courses, who manages them, learners, places"


@pytest.mark.parametrize("state", ["active", "waitlisted"])
async def test_a_hundred_learners_cost_what_one_does(
    api: Api, database: Database, staff: Staff, course: MadeCourse, state: str
) -> None:
    await run(database, FILL, course.number, 100, state)
    sent = []
    for first in (1, 100):
        await api.resources.cache.forget([f"course_card:public:{course.number}"])
        answer = await api.ask(LEARNERS, staff.lead.actor, id=course.id, first=first)
        assert not answer.errors
        assert len(answer.data["course"]["enrollments"]["nodes"]) == first
        sent.append(len(answer.statements))
    # The course, who manages it, its learners, who they are; their places.
    assert sent == [4 + (state == "waitlisted")] * 2


async def test_a_hundred_of_ones_own_cost_what_one_does(api: Api, database: Database, staff: Staff) -> None:
    document = """query ($first: Int!) { viewer { enrollments(first: $first) { nodes { state waitlistPosition
        progress { completedLessons totalLessons share }
        course { title enrollmentCount viewerEnrollment { id } enrollmentPolicy { capacity } prerequisites { title } } } } } }"""
    await run(
        database,
        "WITH made AS (INSERT INTO courses (slug, title, status, instructor_id, published_at)"
        " SELECT 'c-' || n, 'C', 'published', $1::bigint, now() FROM generate_series(1, 100) AS n RETURNING id), stats AS ("
        "INSERT INTO course_stats (course_id, lesson_count) SELECT id, 4 FROM made), needed AS ("
        "INSERT INTO course_prerequisites SELECT id, (SELECT min(id) FROM made) FROM made OFFSET 1)"
        " INSERT INTO enrollments (user_id, course_id, state, waitlist_number, lessons_completed)"
        " SELECT $2, id, 'waitlisted', 1, 3 FROM made",
        staff.lead.number,
        staff.student.number,
    )
    sent = []
    for first in (1, 100):
        await api.resources.cache.forget(
            [f"course_card:public:{row['id']}" for row in await run(database, "SELECT id FROM courses")]
        )
        answer = await api.ask(document, staff.student.actor, first=first)
        nodes = answer.data["viewer"]["enrollments"]["nodes"]
        assert len(nodes) == first
        assert nodes[0]["progress"] == {"completedLessons": 3, "totalLessons": 4, "share": 0.75}
        assert nodes[0]["course"]["enrollmentCount"] == 0
        sent.append(len(answer.statements))
    # The viewer, the page, places, courses; of those: counts, own enrolments, rules, prerequisites.
    assert sent == [8, 8]


async def test_progress_stays_within_its_bounds(
    api: Api, database: Database, staff: Staff, course: MadeCourse
) -> None:
    document = "query ($id: ID!) { node(id: $id) { ... on Enrollment { progress { completedLessons totalLessons share } } } }"
    identifier = await enrolled(api.resources, staff.student, course)
    for done, total, shown in ((0, 0, (0, 0, 0.0)), (5, 4, (4, 4, 1.0)), (1, 4, (1, 4, 0.25))):
        await run(database, "UPDATE enrollments SET lessons_completed = $1", done)
        await run(database, "UPDATE course_stats SET lesson_count = $1", total)
        progress = (await api(document, staff.student.actor, id=identifier))["node"]["progress"]
        assert tuple(progress.values()) == shown


async def test_nobody_has_none(api: Api, course: MadeCourse, staff: Staff) -> None:
    document = "query ($id: ID!) { course(id: $id) { viewerEnrollment { id } } viewer { id } }"
    assert await api(document, ANONYMOUS, id=course.id) == {
        "course": {"viewerEnrollment": None},
        "viewer": None,
    }
    never = (await api(document, staff.stranger.actor, id=course.id))["course"]
    assert never == {"viewerEnrollment": None}
