"""Finding courses: which are listed, in which order, at what cost. Page by page: test_queries_pages.py."""

from itertools import chain, combinations
from typing import Any

import pytest

from app.database import Database
from graphql_schema.node import global_id
from tests.factories.catalog import Staff, codes, make_course
from tests.graphql_schema.catalog.catalogue import COURSES, ORDERS, ids, listed
from tests.support.api import Api


async def test_a_published_course_is_found(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course(database, staff.lead.actor, title="Bread", lessons=(2, 1))
    data = await api(
        "{ courses(first: 5) { nodes { id title lessonCount instructor { name } } totalCount } }"
    )
    assert data == {
        "courses": {
            "nodes": [
                {"id": course.id, "title": "Bread", "lessonCount": 3, "instructor": {"name": "Lea Lead"}}
            ],
            "totalCount": 1,
        }
    }


async def test_by_id_and_by_slug(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course(database, staff.lead.actor, title="Bread & Salt")
    data = await api(
        'query ($id: ID!) { a: course(id: $id) { slug } b: course(slug: "bread-salt") { id } }', id=course.id
    )
    assert data == {"a": {"slug": "bread-salt"}, "b": {"id": course.id}}


@pytest.mark.parametrize(
    "slug", ["", "nothing", "Bread", "bread ", "a\0b", "a\ud800b", "x" * 60_000, "%", "🦊"]
)
async def test_slugs_of_nothing(api: Api, database: Database, staff: Staff, slug: str) -> None:
    await make_course(database, staff.lead.actor, title="Bread")
    assert await api("query ($slug: String) { course(slug: $slug) { id } }", slug=slug) == {"course": None}


@pytest.mark.parametrize("arguments", ["", "(id: null)", "(id: null, slug: null)", '(id: "x", slug: "y")'])
async def test_either_id_or_slug(api: Api, arguments: str) -> None:
    answer = await api.ask(f"{{ course{arguments} {{ id }} }}")
    assert (answer.data, codes(answer)) == ({"course": None}, ["BAD_USER_INPUT"])
    assert answer.statements == []


async def test_every_filter_in_every_order(api: Api, database: Database, staff: Staff) -> None:
    made = await listed(database, staff)
    filters = {
        "category": "Category 1",
        "level": "INTERMEDIATE",
        "language": "en",
        "instructorId": staff.lead.id,
        "minimumRating": 3.0,
    }
    document = """query ($filter: CourseFilter, $orderBy: CourseOrder) {
        courses(filter: $filter, orderBy: $orderBy, first: 100) { totalCount nodes { id } } }"""
    found_some = 0
    for names in chain.from_iterable(combinations(filters, size) for size in range(6)):
        narrowed = {name: filters[name] for name in names}
        expected = [course for course in made if course.passes(narrowed)]
        found_some += bool(expected)
        for order, key in ORDERS.items():
            data = await api(document, filter=narrowed, orderBy=order)
            assert ids(data["courses"]) == [course.id for course in sorted(expected, key=key)]
            assert data["courses"]["totalCount"] == len(expected)
    assert found_some == 32, "a filter that finds nothing shows nothing"


async def test_newest_is_the_default_and_null_narrows_nothing(
    api: Api, database: Database, staff: Staff
) -> None:
    made = sorted(await listed(database, staff, 7), key=ORDERS["NEWEST"])
    nothing = dict.fromkeys(("category", "level", "language", "instructorId", "minimumRating"))
    nones: tuple[dict[str, Any], ...] = (
        {},
        {"orderBy": None},
        {"filter": None},
        {"filter": {}},
        {"filter": nothing},
    )
    for variables in nones:
        data = await api(COURSES, first=100, **variables)
        assert ids(data["courses"]) == [course.id for course in made]


@pytest.mark.parametrize(
    ("narrowed", "found"),
    [
        ({"language": " EN "}, 2),
        ({"language": ""}, 0),
        ({"language": "x" * 50_000}, 0),
        ({"category": "category 1"}, 0),
        ({"category": ""}, 0),
        ({"category": "%"}, 0),
        ({"category": "x" * 50_000}, 0),
        ({"minimumRating": -1e308}, 4),
        ({"minimumRating": 1e308}, 0),
        ({"minimumRating": 6}, 0),
        ({"instructorId": ""}, 0),
        ({"instructorId": "🦊"}, 0),
        ({"instructorId": "1"}, 0),
        ({"instructorId": global_id("User", 0)}, 0),
        ({"instructorId": global_id("User", 2**63 - 1)}, 0),
        ({"instructorId": global_id("User", 2**63)}, 0),
        ({"instructorId": global_id("Course", 1)}, 0),
    ],
)
async def test_filters_at_their_edges(
    api: Api, database: Database, staff: Staff, narrowed: dict[str, Any], found: int
) -> None:
    await listed(database, staff, 4)
    data = await api(COURSES, first=100, filter=narrowed)
    assert len(data["courses"]["nodes"]) == found


@pytest.mark.parametrize(
    "narrowed",
    [
        {"category": "a\0"},
        {"language": "\0"},
        {"category": "\ud800"},
        {"language": "\udfff"},
        {"minimumRating": float("nan")},
        {"minimumRating": float("inf")},
        {"minimumRating": "3"},
        {"level": "beginner"},
        {"unknown": 1},
    ],
)
async def test_filters_that_are_none(api: Api, narrowed: dict[str, Any]) -> None:
    answer = await api.ask(COURSES, first=1, filter=narrowed)
    assert codes(answer) == ["BAD_USER_INPUT"]
    assert answer.statements == []


@pytest.mark.parametrize("first", [0, -1, 101, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize(
    ("document", "path"),
    [
        ("query ($first: Int!) { courses(first: $first) { nodes { id } } }", ["courses"]),
        ("query ($first: Int!) { featuredCourses(first: $first) { id } }", ["featuredCourses"]),
        ("query ($first: Int!) { viewer { taughtCourses(first: $first) { nodes { id } } } }", ["viewer"]),
    ],
)
async def test_page_sizes(api: Api, staff: Staff, first: int, document: str, path: list[str]) -> None:
    answer = await api.ask(document, staff.lead.actor, first=first)
    assert answer.data == {path[0]: None}
    assert codes(answer) == ["BAD_USER_INPUT"]
    assert "between 1 and 100" in answer.errors[0].message


@pytest.mark.parametrize("first", [2**31, "1", 1.5, None, True])
async def test_page_sizes_that_are_none(api: Api, first: Any) -> None:
    answer = await api.ask(COURSES, first=first)
    assert codes(answer) == ["BAD_USER_INPUT"]


async def test_counting_costs_one_statement_and_only_when_asked(
    api: Api, database: Database, staff: Staff
) -> None:
    await listed(database, staff, 10)
    for narrowed in ("", ', filter: { minimumRating: 1, category: "Category 1" }'):
        plain = await api.ask(f"{{ courses(first: 2{narrowed}) {{ nodes {{ id }} }} }}")
        counted = await api.ask(f"{{ courses(first: 2{narrowed}) {{ nodes {{ id }} totalCount }} }}")
        alone = await api.ask(f"{{ courses(first: 2{narrowed}) {{ totalCount }} }}")
        assert len(plain.statements) == 1
        assert not any("count(" in statement.lower() for statement in plain.statements)
        assert counted.statements[:1] == plain.statements
        assert len(counted.statements) == 2
        assert len(alone.statements) <= 2


async def test_featured_courses(api: Api, database: Database, staff: Staff) -> None:
    courses = [await make_course(database, staff.lead.actor, title=title) for title in "ABC"]
    assert await api("{ featuredCourses(first: 9) { id } }") == {"featuredCourses": []}
    for course in courses:
        await api.change("setCourseFeatured", staff.admin.actor, courseId=course.id, featured=True)
    data = await api("{ featuredCourses(first: 2) { id isFeatured } }")
    assert data["featuredCourses"] == [
        {"id": course.id, "isFeatured": True} for course in (courses[2], courses[1])
    ]
    await api.change("archiveCourse", staff.lead.actor, courseId=courses[2].id)
    await api.change("setCourseFeatured", staff.admin.actor, courseId=courses[1].id, featured=False)
    data = await api("{ featuredCourses(first: 9) { id } }")
    assert data["featuredCourses"] == [{"id": courses[0].id}]
