"""Global ids, and node(id:) and nodes(ids:) over them."""

from base64 import b64decode, b64encode
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.database import Database
from app.errors import DomainError, ErrorCode
from graphql_schema.node import (
    global_id,
    node_key,
    node_loaders,
    number_of,
    pair_of,
    parse_global_id,
    required_number,
    required_numbers,
    session_of,
    uuid_of,
)
from tests.factories.catalog import codes, make_course_of, make_staff
from tests.support.api import SCHEMA, Api

NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


def encoded(text: str | bytes) -> str:
    return b64encode(text.encode() if isinstance(text, str) else text).decode()


def spare_bits(identifier: str) -> str:
    """The same bytes in another spelling: a decoder drops the last character's unused bits."""
    head, last = identifier.rstrip("=")[:-1], identifier.rstrip("=")[-1]
    other = head + chr(ord(last) + 1) + "=" * identifier.count("=")
    assert b64decode(other, validate=True) == b64decode(identifier)
    return other


GARBAGE = [
    "",
    " ",
    "1",
    "Course:1",
    "=",
    "====",
    "🦊",
    "\0",
    "\ud800",
    "x" * 60_000,
    encoded(""),
    encoded(":"),
    encoded("Course"),
    encoded("Course:"),
    encoded(":1"),
    encoded("Course:-1"),
    encoded("Course:+1"),
    encoded("Course: 1"),
    encoded("Course:01"),
    encoded("Course:00"),
    encoded("Course:\u0665"),
    encoded("User:05"),
    encoded("Course:1").rstrip("="),
    encoded("Course:1") + "=",
    encoded("Course:1") + "\n",
    spare_bits(encoded("Course:1")),
    encoded("Course:1 "),
    encoded("Course:1:1"),
    encoded("Course:1.0"),
    encoded("Course:1e3"),
    encoded("Course:0x1"),
    encoded("Course:1_0"),
    encoded("Course:\u0661"),
    encoded("Course:²"),
    encoded(f"Course:{2**63}"),
    encoded("Course:1" + "0" * 5_000),
    encoded("course:1"),
    encoded("Course\0:1"),
    encoded(b"\xff\xfe:1"),
    encoded("Video:1"),
    encoded("Viewer:1"),
    encoded("LessonBody:1"),
    encoded("Query:1"),
    encoded("__Schema:1"),
    encoded("__class__:1"),
]
UUID_TEXT = "01a2079d-5265-7795-b2ae-18181ee2890d"
ODD_UUIDS = [
    UUID_TEXT.upper(),
    UUID_TEXT.replace("-", ""),
    f"{{{UUID_TEXT}}}",
    f"urn:uuid:{UUID_TEXT}",
    f" {UUID_TEXT}",
    f"{UUID_TEXT}\n",
    f"+{UUID_TEXT}",
    UUID_TEXT.replace("5", "\u0665"),
    UUID_TEXT.replace("-", "--"),
    f"0{UUID_TEXT}",
    "5",
    "",
]


@given(st.sampled_from(sorted(node_loaders)), st.integers(0, 2**63 - 1))
def test_ids_come_back(type_name: str, number: int) -> None:
    identifier = global_id(type_name, number)
    assert parse_global_id(identifier) == (type_name, number)
    assert number_of(type_name, identifier) == number
    assert number_of("Other", identifier) is None


@given(st.sampled_from(["Session", "Operation", "Notification"]), st.uuids())
def test_uuids_come_back(type_name: str, key: UUID) -> None:
    identifier = global_id(type_name, key)
    assert uuid_of(type_name, identifier) == key
    assert uuid_of("Other", identifier) is None
    assert parse_global_id(identifier) is None
    assert session_of(identifier) == (key if type_name == "Session" else None)


@pytest.mark.parametrize("text", ODD_UUIDS)
def test_a_uuid_is_read_in_one_spelling(text: str) -> None:
    assert uuid_of("Operation", encoded(f"Operation:{UUID_TEXT}")) == UUID(UUID_TEXT)
    assert uuid_of("Operation", encoded(f"Operation:{text}")) is None
    assert session_of(encoded(f"Session:{text}")) is None
    assert uuid_of("Operation", encoded(text)) is None


@given(st.text())
def test_any_text_is_an_id_or_not(text: str) -> None:
    parsed = parse_global_id(text)
    assert parsed is None or (isinstance(parsed[0], str) and 0 <= parsed[1] < 2**63)
    for inside in (parse_global_id(encoded(text.encode("utf-8", "replace"))), parse_global_id(f"{text}=")):
        assert inside is None or 0 <= inside[1] < 2**63


def test_what_inputs_require() -> None:
    first, second = global_id("Course", 1), global_id("Course", 2)
    assert required_number("Course", first, "courseId") == 1
    assert required_numbers("Course", [second, first, second], "ids") == [2, 1, 2]
    for wrong in (*GARBAGE, global_id("Module", 1)):
        with pytest.raises(DomainError, match="no such course") as caught:
            required_numbers("Course", [first, wrong], "ids")  # type: ignore[list-item]
        assert (caught.value.code, caught.value.path) == (ErrorCode.NOT_FOUND, ("input", "ids"))
    assert len(required_numbers("Course", [first] * 1_000, "ids")) == 1_000
    with pytest.raises(DomainError, match="At most 1,000"):
        required_numbers("Course", [first] * 1_001, "ids")


def test_every_node_type_is_found_by_its_id() -> None:
    possible = {found.name for found in SCHEMA.get_possible_types(SCHEMA.type_map["Node"])}  # type: ignore[arg-type]
    catalog, learning = (
        {"Course", "Module", "Lesson"},
        {"Enrollment", "Cohort", "Invitation", "LessonProgress", "VideoProgress", "CourseReview"},
    )
    every = catalog | learning | {"User", "Operation", "Notification"}
    assert possible == set(node_loaders) == every


async def test_every_type(api: Api, database: Database) -> None:
    staff = await make_staff(database)
    course = await make_course_of(database, staff)
    expected = [
        {"__typename": "Course", "id": course.id},
        {"__typename": "Module", "id": course.modules[0]},
        {"__typename": "Lesson", "id": course.lessons[0]},
        {"__typename": "User", "id": staff.lead.id},
    ]
    for node in expected:
        assert await api(NODE, id=node["id"]) == {"node": node}
    assert await api(NODES, ids=[node["id"] for node in expected]) == {"nodes": expected}


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_is_nothing(api: Api, garbage: str) -> None:
    answer = await api.ask(NODE, id=garbage)
    assert (answer.data, answer.errors, answer.statements) == ({"node": None}, [], [])
    answer = await api.ask("query ($id: ID!) { course(id: $id) { id } }", id=garbage)
    assert (answer.data, answer.errors, answer.statements) == ({"course": None}, [], [])


@pytest.mark.parametrize("type_name", ["Course", "Module", "Lesson", "User"])
@pytest.mark.parametrize("number", [0, 2**31, 2**63 - 1])
async def test_ids_of_nothing(api: Api, type_name: str, number: int) -> None:
    assert await api(NODE, id=global_id(type_name, number)) == {"node": None}


async def test_course_takes_ids_of_courses_alone(api: Api, database: Database) -> None:
    staff = await make_staff(database)
    course = await make_course_of(database, staff)
    for other in (course.modules[0], course.lessons[0], staff.lead.id):
        assert await api("query ($id: ID!) { course(id: $id) { id } }", id=other) == {"course": None}


async def test_nodes_keep_order_repeats_and_gaps(api: Api, database: Database) -> None:
    staff = await make_staff(database)
    course = await make_course_of(database, staff, lessons=(3,))
    draft = await make_course_of(database, staff, published=False)
    asked = [
        course.lessons[2],
        "garbage",
        course.id,
        global_id("Course", 2**63 - 1),
        course.lessons[0],
        draft.id,
        course.id,
        course.lessons[2],
    ]
    missing = {1, 3, 5}
    answer = await api.ask(NODES, ids=asked)
    assert answer.errors == []
    assert [node and node["id"] for node in answer.data["nodes"]] == [
        None if place in missing else identifier for place, identifier in enumerate(asked)
    ]
    # Lessons; courses that anybody may see; the others, of those who ask.
    assert len(answer.statements) == 3


async def test_a_hundred_nodes_and_no_more(api: Api, database: Database) -> None:
    staff = await make_staff(database)
    assert await api(NODES, ids=[]) == {"nodes": []}
    data = await api(NODES, ids=[staff.lead.id] * 100)
    assert len(data["nodes"]) == 100
    answer = await api.ask(NODES, ids=[staff.lead.id] * 101)
    assert (answer.data, codes(answer), answer.statements) == ({"nodes": None}, ["BAD_USER_INPUT"], [])


@pytest.mark.parametrize("ids", [[None], None, [["x"]], [{}], [1.5]])
async def test_ids_that_are_none(api: Api, ids: Any) -> None:
    answer = await api.ask(NODES, ids=ids)
    assert codes(answer) == ["BAD_USER_INPUT"]


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_an_id_of_two_numbers_is_read_back(first: int, second: int) -> None:
    identifier = global_id("Enrollment", (first, second))
    assert pair_of("Enrollment", identifier) == (first, second)
    assert pair_of("Course", identifier) is None
    assert number_of("Enrollment", identifier) is None


@pytest.mark.parametrize(
    "text",
    [
        "Enrollment:1",
        "Enrollment:1.",
        "Enrollment:.1",
        "Enrollment:1.2.3",
        "Enrollment:01.2",
        "Enrollment:1.+2",
        "Enrollment:1. 2",
        "Enrollment:1.9223372036854775808",
        "Enrollment:1.²",
        "1.2",
    ],
)
def test_what_is_no_id_of_two_numbers(text: str) -> None:
    assert pair_of("Enrollment", encoded(text)) is None
    assert node_key(encoded(text)) is None
