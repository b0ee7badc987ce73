"""Courses, modules and lessons as objects: exact values, nested lists in pages, and what all of it costs."""

from typing import Any

import pytest

from app.database import Database
from tests.factories.catalog import MadeCourse, Staff, codes, make_course, make_course_of, run
from tests.support import cache
from tests.support.api import Api

LESSONS = """query ($id: ID!, $first: Int!, $after: String) { node(id: $id) {
    ... on Course { lessons(first: $first, after: $after) { ...page } }
    ... on Module { lessons(first: $first, after: $after) { ...page } } } }
    fragment page on LessonConnection {
        nodes { id } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }"""
FILL = """
    WITH made AS (
        INSERT INTO courses (slug, title, status, instructor_id, published_at)
        SELECT 'course-' || i, 'Course ' || i, 'published', $1::bigint, now()
        FROM generate_series(1, 100) AS i RETURNING id
    ), stats AS (
        INSERT INTO course_stats (course_id, lesson_count) SELECT id, 4 FROM made
    ), teaching AS (
        INSERT INTO course_instructors (course_id, user_id) SELECT id, u FROM made, unnest(ARRAY[$1::bigint, $2::bigint]) AS u
    ), parts AS (
        INSERT INTO modules (course_id, title, position)
        SELECT id, 'Module ' || p, p FROM made, generate_series(1, 2) AS p RETURNING id, course_id
    ), pieces AS (
        INSERT INTO lessons (course_id, module_id, title, kind, position, is_preview, body_format, body_source, body_html)
        SELECT course_id, id, 'Lesson ' || p, 'video', p, true, 'markdown', 'B', '<p>B</p>'
        FROM parts, generate_series(1, 2) AS p RETURNING id
    )
    INSERT INTO video_metadata (lesson_id, duration_ms) SELECT id, 1500 FROM pieces
"""


async def fill(database: Database, staff: Staff) -> None:
    """100 courses of two modules of two lessons, each taught by the same two."""
    await run(database, FILL, staff.lead.number, staff.stranger.number)


async def test_statements_are_as_many_for_a_hundred_courses_as_for_one(
    api: Api, database: Database, staff: Staff
) -> None:
    await fill(database, staff)
    document = """query ($first: Int!) { courses(first: $first) { nodes {
        id lessonCount enrollmentCount rating
        instructor { name }
        instructors { user { name } }
        modules { title course { title } lessons(first: 2) { nodes { body { html } module { title } course { title } } } }
        lessons(first: 3) { nodes { title video { durationSeconds } } pageInfo { hasNextPage } }
    } } }"""
    one = await api.ask(document, first=1)
    await cache.empty(api.resources)
    hundred = await api.ask(document, first=100)
    warm_hundred = await api.ask(document, first=100)
    warm_one = await api.ask(document, first=1)
    assert not one.errors
    assert (warm_one.data, warm_hundred.data) == (one.data, hundred.data)
    assert not hundred.errors
    assert len(hundred.data["courses"]["nodes"]) == 100
    assert {len(course["instructors"]) for course in hundred.data["courses"]["nodes"]} == {2}
    assert {
        lesson["body"]["html"]
        for course in hundred.data["courses"]["nodes"]
        for module in course["modules"]
        for lesson in module["lessons"]["nodes"]
    } == {"<p>B</p>"}
    assert sorted(hundred.statements) == sorted(one.statements)
    # The page; leads, instructors, modules, a page of lessons; then users again, courses, lessons; then modules, bodies.
    assert len(one.statements) <= 10
    # Leads, other instructors and courses come from the cache.
    assert sorted(warm_hundred.statements) == sorted(warm_one.statements)
    assert len(warm_one.statements) == len(one.statements) - 3


async def test_a_page_of_lessons_for_every_course_is_one_statement(
    api: Api, database: Database, staff: Staff
) -> None:
    await fill(database, staff)
    document = """query ($first: Int!) { courses(first: $first) { nodes { lessons(first: 3) {
        nodes { position title } edges { cursor } pageInfo { hasNextPage } } } } }"""
    for first in (1, 100):
        answer = await api.ask(document, first=first)
        assert len(answer.statements) == 2
        assert "LATERAL" in answer.statements[1]
        assert "unnest" in answer.statements[1]
        for course in answer.data["courses"]["nodes"]:
            assert [lesson["position"] for lesson in course["lessons"]["nodes"]] == [1, 2, 1]
            assert course["lessons"]["pageInfo"]["hasNextPage"] is True


async def test_different_pages_are_different_statements_each_for_all(
    api: Api, database: Database, staff: Staff
) -> None:
    await fill(database, staff)
    answer = await api.ask(
        """{ courses(first: 50) { nodes {
            one: lessons(first: 1) { nodes { title } } three: lessons(first: 3) { nodes { title } }
            modules { again: lessons(first: 1) { nodes { title } } } } } }"""
    )
    assert not answer.errors
    assert len(answer.statements) == 5
    for course in answer.data["courses"]["nodes"]:
        assert (len(course["one"]["nodes"]), len(course["three"]["nodes"])) == (1, 3)


async def test_a_hundred_nodes_of_three_types_are_three_statements(
    api: Api, database: Database, staff: Staff
) -> None:
    await fill(database, staff)
    data = await api(
        "{ courses(first: 30) { nodes { id modules { id } lessons(first: 1) { nodes { id } } } } }"
    )
    found = [
        identifier
        for course in data["courses"]["nodes"]
        for identifier in (course["id"], course["modules"][0]["id"], course["lessons"]["nodes"][0]["id"])
    ]
    answer = await api.ask("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=found)
    assert [node["id"] for node in answer.data["nodes"]] == found
    assert len(answer.statements) == 3


async def test_ratings_are_averages_of_two_digits(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course(database, staff.lead.actor)
    document = "query ($id: ID!) { course(id: $id) { rating ratingCount enrollmentCount } }"
    for total, number, rating in ((0, 0, None), (14, 3, 4.67), (0, 2, 0.0), (5, 1, 5.0)):
        await run(
            database,
            "UPDATE course_stats SET rating_sum = $2, rating_count = $3, enrollment_count = $3 WHERE course_id = $1",
            course.number,
            total,
            number,
        )
        await cache.empty(api.resources)
        data = await api(document, id=course.id)
        assert data["course"] == {"rating": rating, "ratingCount": number, "enrollmentCount": number}


async def lessons(api: Api, identifier: str, first: int, after: str | None = None) -> tuple[list[str], Any]:
    data = await api(LESSONS, id=identifier, first=first, after=after)
    connection = data["node"]["lessons"]
    assert [edge["cursor"] for edge in connection["edges"]][-1:] == [
        cursor for cursor in [connection["pageInfo"]["endCursor"]] if cursor
    ]
    return [node["id"] for node in connection["nodes"]], connection["pageInfo"]


@pytest.mark.parametrize("first", [1, 2, 3, 6, 7, 100])
async def test_all_pages_of_lessons(api: Api, database: Database, staff: Staff, first: int) -> None:
    course = await make_course_of(database, staff, lessons=(3, 0, 4))
    for parent, expected in (
        (course.id, course.lessons),
        (course.modules[0], course.lessons[:3]),
        (course.modules[1], []),
        (course.modules[2], course.lessons[3:]),
    ):
        seen: list[str] = []
        after = None
        while True:
            page, info = await lessons(api, parent, first, after)
            assert info["hasPreviousPage"] == (after is not None)
            seen += page
            after = info["endCursor"]
            if not info["hasNextPage"]:
                break
            assert len(page) == first
        assert seen == expected


class Walk:
    """A course of two modules with four lessons each, read up to the second lesson of the first or of both."""

    def __init__(self, api: Api, staff: Staff, course: MadeCourse) -> None:
        self.api = api
        self.staff = staff
        self.course = course
        self.first, self.second = course.modules

    async def change(self, verb: str, **values: Any) -> Any:
        payload = await self.api.change(verb, self.staff.lead.actor, **values)
        assert payload["userErrors"] == []

    async def insert_before(self) -> None:
        for _ in range(2):
            await self.change("addLesson", moduleId=self.first, title="L", kind="QUIZ", position=1)

    async def insert_behind(self) -> None:
        await self.change("addLesson", moduleId=self.first, title="L", kind="QUIZ", position=3)

    async def remove_before(self) -> None:
        await self.change("removeLesson", lessonId=self.course.lessons[0])

    async def remove_at(self) -> None:
        await self.change("removeLesson", lessonId=self.course.lessons[1])

    async def move_away(self) -> None:
        await self.change("moveLesson", lessonId=self.course.lessons[1], moduleId=self.second)

    async def move_another_away(self) -> None:
        await self.change("moveLesson", lessonId=self.course.lessons[0], moduleId=self.second, position=1)

    async def reorder_before(self) -> None:
        wanted = [self.course.lessons[number] for number in (1, 0, 2, 3)]
        await self.change("reorderLessons", moduleId=self.first, lessonIds=wanted)

    async def new_module_before(self) -> None:
        await self.change("addModule", courseId=self.course.id, title="M", position=1)

    async def new_module_behind(self) -> None:
        await self.change("addModule", courseId=self.course.id, title="M", position=2)


@pytest.mark.parametrize(
    ("change", "behind"),
    [
        # Which of the lessons 0 to 3 come behind the second one, "new" for one that was not there.
        ("insert_before", [2, 3]),
        ("insert_behind", ["new", 2, 3]),
        ("remove_before", [2, 3]),
        ("remove_at", [2, 3]),
        ("move_away", [2, 3]),
        ("move_another_away", [2, 3]),
        ("reorder_before", [0, 2, 3]),
        ("new_module_before", [2, 3]),
        ("new_module_behind", [2, 3]),
    ],
)
async def test_pages_of_a_module_while_it_changes(
    api: Api, database: Database, staff: Staff, change: str, behind: list[int | str]
) -> None:
    course = await make_course_of(database, staff, lessons=(4, 4))
    _, info = await lessons(api, course.modules[0], 2)
    await getattr(Walk(api, staff, course), change)()
    seen, _ = await lessons(api, course.modules[0], 100, info["endCursor"])
    assert [course.lessons.index(lesson) if lesson in course.lessons else "new" for lesson in seen] == behind


@pytest.mark.parametrize(
    ("change", "behind"),
    [
        ("insert_before", [2, 3, 4, 5, 6, 7]),
        ("insert_behind", ["new", 2, 3, 4, 5, 6, 7]),
        ("remove_before", [2, 3, 4, 5, 6, 7]),
        ("remove_at", [2, 3, 4, 5, 6, 7]),
        ("move_away", [2, 3, 4, 5, 6, 7, 1]),
        ("move_another_away", [2, 3, 0, 4, 5, 6, 7]),
        ("new_module_before", [2, 3, 4, 5, 6, 7]),
        ("new_module_behind", [2, 3, 4, 5, 6, 7]),
    ],
)
async def test_pages_of_a_course_while_it_changes(
    api: Api, database: Database, staff: Staff, change: str, behind: list[int | str]
) -> None:
    course = await make_course_of(database, staff, lessons=(4, 4))
    _, info = await lessons(api, course.id, 2)
    await getattr(Walk(api, staff, course), change)()
    seen, _ = await lessons(api, course.id, 100, info["endCursor"])
    assert [course.lessons.index(lesson) if lesson in course.lessons else "new" for lesson in seen] == behind


async def test_behind_the_last_lesson_of_a_module_that_lost_it(
    api: Api, database: Database, staff: Staff
) -> None:
    course = await make_course_of(database, staff, lessons=(2, 2))
    _, info = await lessons(api, course.id, 2)
    await api.change("removeLesson", staff.lead.actor, lessonId=course.lessons[1])
    seen, _ = await lessons(api, course.id, 9, info["endCursor"])
    assert seen == course.lessons[2:]


async def test_behind_a_module_that_is_gone(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(2, 3))
    _, info = await lessons(api, course.id, 2)
    await api.change("removeModule", staff.lead.actor, moduleId=course.modules[0])
    seen, _ = await lessons(api, course.id, 9, info["endCursor"])
    assert seen == course.lessons[2:]


@pytest.mark.parametrize("first", [0, -1, 101, 2**31 - 1])
async def test_page_sizes(api: Api, database: Database, staff: Staff, first: int) -> None:
    course = await make_course_of(database, staff)
    for parent in (course.id, course.modules[0]):
        answer = await api.ask(LESSONS, id=parent, first=first)
        assert codes(answer) == ["BAD_USER_INPUT"]
        assert len(answer.statements) == 1, "the parent alone was read"


async def test_garbage_is_no_cursor(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    for parent in (course.id, course.modules[0]):
        for garbage in ("", "x", "W10=", "bnVsbA==", "eyJpZCI6MX0=", "\ud800"):
            answer = await api.ask(LESSONS, id=parent, first=1, after=garbage)
            assert codes(answer) == ["BAD_USER_INPUT"]


async def test_ids_are_unique_among_all_objects(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    await api.change(
        "addLesson",
        staff.lead.actor,
        moduleId=course.modules[0],
        title="V",
        kind="VIDEO",
        video={"durationSeconds": 1},
        body="B",
    )
    data = await api(
        """query ($id: ID!) { viewer { id user { id } } course(id: $id) {
            id instructor { id } instructors { id } modules { id }
            lessons(first: 9) { nodes { id video { id } body { id } } } } }""",
        staff.lead.actor,
        id=course.id,
    )

    def collect(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["id"]] if "id" in value else []
            return own + [found for child in value.values() for found in collect(child)]
        return [found for child in value for found in collect(child)] if isinstance(value, list) else []

    found = collect(data)
    # The lead is there as user, and as lead: one object, one id.
    assert len(found) == len(set(found)) + 1 == 12
