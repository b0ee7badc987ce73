"""Finding courses: which are listed, in which order, page by page while they change, at what cost."""

from base64 import b64encode, urlsafe_b64encode
from itertools import chain, combinations, count
from typing import Any

import orjson
import pytest

from app.database import Database
from graphql_schema.node import global_id
from tests.factories.catalog import Staff, codes, make_course, make_course_of
from tests.graphql_schema.catalog.catalogue import (
    ORDERS,
    Listed,
    add_listed,
    delete_listed,
    set_status,
)
from tests.support.api import Answer, Api

COURSES = """query ($filter: CourseFilter, $orderBy: CourseOrder, $first: Int!, $after: String) {
    courses(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
        nodes { id } edges { cursor node { id } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
TAUGHT = """query ($first: Int!, $after: String) { viewer { taughtCourses(first: $first, after: $after) {
    nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""


async def listed(database: Database, staff: Staff, many: int = 30) -> list[Listed]:
    """Published courses, with a draft and an archived one among them."""
    made = [await add_listed(database, staff, n) for n in range(many)]
    await add_listed(database, staff, 1_000, status="draft")
    await add_listed(database, staff, 1_001, status="archived")
    return made


def ids(connection: dict[str, Any]) -> list[str]:
    return [node["id"] for node in connection["nodes"]]


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


async def walk(
    api: Api, document: str, path: list[str], *, actor: Any = None, change: Any = None, **variables: Any
) -> list[str]:
    """Ids on all pages; `change(page)` is awaited between two of them."""
    seen: list[str] = []
    after = None
    for page in count():
        data = await (
            api(document, actor, after=after, **variables)
            if actor
            else api(document, after=after, **variables)
        )
        connection = data
        for name in path:
            connection = connection[name]
        info = connection["pageInfo"]
        assert info["hasPreviousPage"] == (after is not None)
        seen += ids(connection)
        if not info["hasNextPage"]:
            return seen
        assert len(connection["nodes"]) == variables["first"]
        after = info["endCursor"]
        if change is not None:
            await change(page)
    raise AssertionError


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("first", [1, 4, 29, 30, 31, 100])
async def test_all_pages(api: Api, database: Database, staff: Staff, order: str, first: int) -> None:
    made = sorted(await listed(database, staff), key=ORDERS[order])
    assert await walk(api, COURSES, ["courses"], orderBy=order, first=first) == [course.id for course in made]


@pytest.mark.parametrize("order", ORDERS)
async def test_every_edge_is_a_place_to_go_on(api: Api, database: Database, staff: Staff, order: str) -> None:
    made = [course.id for course in sorted(await listed(database, staff, 8), key=ORDERS[order])]
    data = await api(COURSES, orderBy=order, first=100)
    edges, info = data["courses"]["edges"], data["courses"]["pageInfo"]
    assert [edge["node"]["id"] for edge in edges] == made
    assert (info["startCursor"], info["endCursor"]) == (edges[0]["cursor"], edges[-1]["cursor"])
    for place, edge in enumerate(edges, 1):
        data = await api(COURSES, orderBy=order, first=100, after=edge["cursor"])
        assert ids(data["courses"]) == made[place:]
    assert data["courses"]["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": True,
        "startCursor": None,
        "endCursor": None,
    }


@pytest.mark.parametrize("order", ORDERS)
async def test_pages_while_the_catalogue_changes(
    api: Api, database: Database, staff: Staff, order: str
) -> None:
    made = sorted(await listed(database, staff), key=ORDERS[order])
    going, leaving, draft = made[3], made[10], await add_listed(database, staff, 500, status="draft")
    numbers = count(2_000)

    async def change(page: int) -> None:
        # Before and behind the cursor, and once the very row that the cursor stands on.
        for _ in range(3):
            await add_listed(database, staff, next(numbers))
        if page == 0:
            await delete_listed(database, going)
        if page == 1:
            await set_status(database, leaving, "draft")
            await set_status(database, draft, "published")
        if page == 2:
            await set_status(database, leaving, "published")

    seen = await walk(api, COURSES, ["courses"], orderBy=order, first=4, change=change)
    assert len(seen) == len(set(seen))
    throughout = {course.id for course in made} - {going.id, leaving.id}
    assert [identifier for identifier in seen if identifier in throughout] == [
        course.id for course in made if course.id in throughout
    ]


def cursor(values: object) -> str:
    return urlsafe_b64encode(orjson.dumps(values)).decode()


WHEN = "2024-01-01T00:00:00+00:00"
STRUCTURES: tuple[Any, ...] = (None, 1, "x", [], [1], {}, [WHEN, 1], [[1], 1], {"id": 1}, {"id": {}})
VALUES: tuple[Any, ...] = (None, True, [], {}, "\0", 2**63, -(2**63), 2**64 - 1)
GARBAGE = [
    "",
    " ",
    "x",
    "🦊",
    "\0",
    "\ud800",
    "null",
    "=" * 8,
    "A" * 50_000,
    b64encode(b"\xff\xfe").decode(),
    urlsafe_b64encode(b"[" * 100_000).decode(),
    urlsafe_b64encode(b'{"id":NaN}').decode(),
    urlsafe_b64encode(b'{"id":1e999}').decode(),
    *map(cursor, STRUCTURES),
    *(
        cursor({name: value, "id": 1})
        for name in ("published_at", "rating", "enrollment_count", "sort_title")
        for value in VALUES
    ),
    *(
        cursor({"published_at": value, "id": 1})
        for value in (
            "not a date",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "20240101",
            0,
            1.5,
        )
    ),
    *(cursor({"rating": value, "id": 1}) for value in ("4.5", 4, "NaN")),
    *(cursor({"enrollment_count": value, "id": 1}) for value in ("4", 4.5)),
    *(cursor({"published_at": WHEN, "id": value}) for value in (None, "1", 1.5, True, [1], 2**63)),
    cursor({"published_at": WHEN, "id": 1, "more": 1}),
    cursor({"published_at": WHEN}),
    global_id("Course", 1),
]


@pytest.mark.parametrize("order", ORDERS)
async def test_garbage_is_no_cursor(api: Api, order: str) -> None:
    for garbage in GARBAGE:
        answer = await api.ask(COURSES, orderBy=order, first=1, after=garbage)
        assert (answer.data, codes(answer)) == ({"courses": None}, ["BAD_USER_INPUT"]), garbage
        assert answer.statements == []


async def test_cursors_of_other_lists_are_refused(api: Api, database: Database, staff: Staff) -> None:
    await listed(database, staff, 2)
    course = await make_course_of(database, staff, lessons=(2,))
    own: dict[str, str] = {}
    for order in ORDERS:
        data = await api(COURSES, orderBy=order, first=1)
        own[order] = data["courses"]["pageInfo"]["endCursor"]
    data = await api(TAUGHT, staff.lead.actor, first=1)
    own["taught"] = data["viewer"]["taughtCourses"]["pageInfo"]["endCursor"]
    lessons = "query ($id: ID!, $after: String) { course(id: $id) { lessons(first: 1, after: $after) { pageInfo { endCursor } } } }"
    data = await api(lessons, id=course.id)
    own["lessons"] = data["course"]["lessons"]["pageInfo"]["endCursor"]

    async def ask(name: str, after: str) -> Answer:
        if name == "taught":
            return await api.ask(TAUGHT, staff.lead.actor, first=1, after=after)
        if name == "lessons":
            return await api.ask(lessons, id=course.id, after=after)
        return await api.ask(COURSES, orderBy=name, first=1, after=after)

    assert len(set(own.values())) == 6
    for name in own:
        for origin, after in own.items():
            answer = await ask(name, after)
            assert codes(answer) == ([] if name == origin else ["BAD_USER_INPUT"]), (name, origin)


@pytest.mark.parametrize("order", ORDERS)
async def test_any_values_of_the_right_kind_are_a_place(
    api: Api, database: Database, staff: Staff, order: str
) -> None:
    await listed(database, staff, 3)
    places: dict[str, list[Any]] = {
        "NEWEST": [
            "0001-01-01T00:00:00+00:00",
            "9999-12-31T23:59:59.999999Z",
            WHEN,
            "2024-01-01T00:00:00+05:30",
        ],
        "BEST_RATED": [0.0, -1e308, 1e308, 1e-320],
        "MOST_ENROLLED": [0, -1, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63) + 1],
        "TITLE": ["", "\x7f", "🦊", "z" * 30_000, "%_'\"\\"],
    }
    column = {
        "NEWEST": "published_at",
        "BEST_RATED": "rating",
        "MOST_ENROLLED": "enrollment_count",
        "TITLE": "sort_title",
    }[order]
    for place in places[order]:
        for identifier in (0, 1, -(2**63) + 1, 2**63 - 1):
            await api(COURSES, orderBy=order, first=1, after=cursor({column: place, "id": identifier}))


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


async def test_taught_courses(api: Api, database: Database, staff: Staff) -> None:
    made = [await make_course(database, staff.lead.actor, published=bool(n % 2)) for n in range(6)]
    await make_course(database, staff.stranger.actor)
    expected = [course.id for course in reversed(made)]
    for first in (1, 4, 6, 100):
        seen = await walk(api, TAUGHT, ["viewer", "taughtCourses"], actor=staff.lead.actor, first=first)
        assert seen == expected
    data = await api(TAUGHT, staff.student.actor, first=5)
    assert ids(data["viewer"]["taughtCourses"]) == []
    assert await api(TAUGHT, first=5) == {"viewer": None}
