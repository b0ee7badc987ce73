"""A whole catalogue of course trees, as one client reads it: allowed by the limits, constant in statements, complete."""

from typing import Any

import pytest
from graphql import parse

from app.catalog.importing import Refusals
from app.catalog.importing.curriculum import CurriculumOptions, CurriculumResult, import_curriculum
from app.database import Database
from app.settings import GraphQLSettings
from graphql_schema.limits import measure, violations
from tests.factories.catalog import Staff, run
from tests.support.api import SCHEMA, Api
from tests.support.curricula import real_archive

LESSONS = "edges { node { id title kind position } } pageInfo { hasNextPage endCursor }"
TREE = f"""query ($first: Int!) {{ courses(first: $first, orderBy: TITLE) {{ edges {{ node {{ id title lessonCount
    modules {{ id title lessons(first: 100) {{ {LESSONS} }} }} }} }} }} }}"""
REST = f"""query ($id: ID!, $after: String) {{ node(id: $id) {{
    ... on Module {{ lessons(first: 100, after: $after) {{ {LESSONS} }} }}
    ... on Course {{ lessons(first: 100, after: $after) {{ {LESSONS} }} }} }} }}"""
# Lessons of each module of each course: 8 courses, 50 modules, 1,418 lessons, two modules over a page.
SHAPE = [
    [22, 52, 44, 27, 17, 22, 5, 4],
    [16, 20, 107, 12, 26, 23, 21, 5, 26, 32],
    [31, 5, 18, 10, 48, 17, 9],
    [5, 29, 9],
    [5, 12, 10, 12],
    [22, 14, 5, 24],
    [9, 47, 480, 87, 20],
    [1] * 9,
]
FILL = """
WITH shape AS (SELECT * FROM unnest($2::int[], $3::int[], $4::int[]) AS t (course, module, lessons)),
course AS (
    INSERT INTO courses (slug, title, status, instructor_id, published_at)
    SELECT 'course-' || course, 'Course ' || course, 'published', $1::bigint, now()
    FROM shape GROUP BY course ORDER BY course RETURNING id, slug
),
stats AS (
    INSERT INTO course_stats (course_id, lesson_count)
    SELECT id, (SELECT sum(lessons) FROM shape WHERE slug = 'course-' || shape.course) FROM course
),
module AS (
    INSERT INTO modules (course_id, title, position)
    SELECT id, slug || ' module ' || shape.module, shape.module
    FROM course JOIN shape ON slug = 'course-' || shape.course RETURNING id, course_id, title
)
INSERT INTO lessons (course_id, module_id, title, kind, position, body_format, body_source, body_html)
SELECT course_id, module.id, module.title || ' lesson ' || place, 'page', place, 'html', 'B', 'B'
FROM module JOIN shape ON module.title = 'course-' || shape.course || ' module ' || shape.module,
    generate_series(1, shape.lessons) AS place
"""


async def fill(database: Database, staff: Staff) -> None:
    modules = [
        (course, module, lessons)
        for course, found in enumerate(SHAPE, 1)
        for module, lessons in enumerate(found, 1)
    ]
    await run(database, FILL, staff.lead.number, *map(list, zip(*modules, strict=True)))


def nodes(connection: dict[str, Any]) -> list[Any]:
    return [edge["node"] for edge in connection["edges"]]


async def pages(api: Api, id_: str, connection: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """All lessons of a module or a course, from its first page on, by cursors."""
    if connection is None:
        connection = (await api(REST, id=id_))["node"]["lessons"]
    found = nodes(connection)
    while connection["pageInfo"]["hasNextPage"]:
        connection = (await api(REST, id=id_, after=connection["pageInfo"]["endCursor"]))["node"]["lessons"]
        found += nodes(connection)
    return found


async def check_whole_tree(api: Api, sizes: list[list[int]]) -> None:
    """`sizes`: lessons by module by course, in the order of the courses' titles."""
    one = await api.ask(TREE, first=1)
    whole = await api.ask(TREE, first=8)
    assert not one.errors
    assert not whole.errors
    assert sorted(whole.statements) == sorted(one.statements)
    assert len(whole.statements) == 3

    courses = nodes(whole.data["courses"])
    seen: set[str] = set()
    read: list[list[int]] = []
    for course in courses:
        by_module = [(await pages(api, module["id"], module["lessons"])) for module in course["modules"]]
        for lessons in by_module:
            assert [lesson["position"] for lesson in lessons] == list(range(1, len(lessons) + 1))
        read.append([len(lessons) for lessons in by_module])
        flat = [lesson for lessons in by_module for lesson in lessons]
        assert len(flat) == course["lessonCount"]
        # The course's own connection says the same, in the same order, however the pages cut the modules.
        assert await pages(api, course["id"]) == flat
        seen |= {lesson["id"] for lesson in flat}
    assert read == sizes
    assert len(seen) == sum(map(sum, sizes)) == 1418


async def test_the_whole_tree_takes_three_statements_and_cursors_give_the_rest(
    api: Api, database: Database, staff: Staff
) -> None:
    await fill(database, staff)
    await check_whole_tree(api, SHAPE)


async def test_the_real_tree(api: Api, database: Database) -> None:
    result = CurriculumResult(Refusals(place_name="place"))
    await import_curriculum(database, real_archive(), CurriculumOptions(), result)
    counted = await run(
        database,
        """SELECT array_agg(many ORDER BY position) AS sizes FROM (
            SELECT m.course_id, m.position, count(*) AS many FROM modules m JOIN lessons l ON l.module_id = m.id
            GROUP BY m.id) AS t JOIN courses ON courses.id = course_id GROUP BY courses.id ORDER BY lower(title)""",
    )
    assert sorted(map(sum, SHAPE)) == sorted(sum(row["sizes"]) for row in counted)
    await check_whole_tree(api, [row["sizes"] for row in counted])


@pytest.mark.parametrize(
    ("selection", "value"),
    [
        ("title", 8 + 8 * 15 + 8 * 15 * 100),
        ("title body { html }", 8 + 8 * 15 + 8 * 15 * 100 * 2),
        ("title body { html } video { durationSeconds }", 8 + 8 * 15 + 8 * 15 * 100 * 3),
    ],
)
def test_the_limits_allow_the_whole_tree_with_all_that_lessons_have(selection: str, value: int) -> None:
    document = f"""{{ courses(first: 8) {{ edges {{ node {{ title modules {{ title lessons(first: 100) {{
        edges {{ node {{ {selection} }} }} }} }} }} }} }} }}"""
    measured = measure(parse(document), SCHEMA)
    assert measured.operations[0][1].nodes == value
    assert violations(measured, GraphQLSettings()) == []


def test_the_limits_still_refuse_a_hundred_such_trees() -> None:
    document = """{ courses(first: 100) { edges { node { modules { lessons(first: 100) { edges { node { id } } } } } } } }"""
    (error,) = violations(measure(parse(document), SCHEMA), GraphQLSettings())
    assert error.extensions is not None
    assert error.extensions["value"] == 100 + 100 * 15 + 100 * 15 * 100


def test_short_lists_count_what_they_hold() -> None:
    def nodes_of(selection: str) -> Any:
        return measure(parse(f'{{ course(slug: "a") {{ {selection} }} }}'), SCHEMA).operations[0][1].nodes

    assert nodes_of("modules { id }") == 1 + 15
    assert nodes_of("instructors { user { name } }") == 1 + 5 * 2
