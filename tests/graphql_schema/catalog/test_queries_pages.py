"""Lists page by page while they change; cursors that are none."""

from base64 import b64encode, urlsafe_b64encode
from itertools import count
from typing import Any

import orjson
import pytest

from app.database import Database
from graphql_schema.node import global_id
from tests.factories.catalog import Staff, codes, make_course, make_course_of
from tests.graphql_schema.catalog.catalogue import (
    COURSES,
    ORDERS,
    add_listed,
    delete_listed,
    ids,
    listed,
    set_status,
)
from tests.support.api import Answer, Api

TAUGHT = """query ($first: Int!, $after: String) { viewer { taughtCourses(first: $first, after: $after) {
    nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""


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
