"""Edges: relations declared in one line, batched over a whole list."""

import asyncio
from typing import Any

import pytest

from app.database import Database
from app.telemetry import StatementCount, statements
from graphql_schema.context import Context
from graphql_schema.edges import Edge
from tests.factories.catalog import Staff, make_course_of, make_staff, run
from tests.support.api import SCHEMA, Api


@pytest.fixture
async def staff(database: Database) -> Staff:
    return await make_staff(database)


def declared(type_name: str, field: str) -> Edge:
    graphql_type: Any = SCHEMA.type_map[type_name]
    found = graphql_type.fields[field].extensions["strawberry-definition"].metadata["edge"]
    assert isinstance(found, Edge)
    return found


@pytest.mark.parametrize(
    ("type_name", "field", "key"),
    [
        ("Course", "instructor", "instructor_id"),
        ("Course", "instructors", "course_id"),
        ("Course", "modules", "course_id"),
        ("Course", "lessons", "course_id"),
        ("Module", "course", "course_id"),
        ("Module", "lessons", "module_id"),
        ("Lesson", "body", "lesson_id"),
        ("Lesson", "module", "module_id"),
        ("Lesson", "course", "course_id"),
        ("CourseInstructor", "user", "user_id"),
        ("Viewer", "user", "user_id"),
        ("CreateCoursePayload", "course", "course_id"),
        ("Course", "cohorts", "course_id"),
        ("Cohort", "members", "cohort_id"),
    ],
)
def test_relations_are_found_in_the_schema(type_name: str, field: str, key: str) -> None:
    # This is what an executor of whole lists reads.
    assert declared(type_name, field).key == key


def test_no_relation_is_resolved_by_hand() -> None:
    objects = {"Course", "Module", "Lesson", "User", "CourseInstructor"}
    by_hand = [
        f"{name}.{field_name}"
        for name, graphql_type in SCHEMA.type_map.items()
        for field_name, field in getattr(graphql_type, "fields", {}).items()
        if name in objects
        and field.extensions["strawberry-definition"].base_resolver is not None
        and "edge" not in field.extensions["strawberry-definition"].metadata
    ]
    assert by_hand == []


async def test_one_edge_from_a_hundred_parents_is_one_statement(
    api: Api, database: Database, staff: Staff
) -> None:
    courses = [await make_course_of(database, staff, title=f"C{number}") for number in range(20)]
    answer = await api.ask("{ courses(first: 100) { nodes { modules { title } } } }")
    assert len(answer.data["courses"]["nodes"]) == len(courses)
    assert len(answer.statements) == 2


async def test_fragments_and_aliases_meet_in_one_batch(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(2, 2))
    answer = await api.ask(
        """query ($id: ID!) { a: course(id: $id) { ...parts } b: course(id: $id) { ...parts more: modules { title } } }
        fragment parts on Course { modules { lessons(first: 2) { nodes { title } } } }""",
        id=course.id,
    )
    assert answer.errors == []
    assert len(answer.statements) == 3


async def test_an_edge_to_nothing_reads_nothing(api: Api, database: Database, staff: Staff) -> None:
    answer = await api.ask(
        'mutation { createCourse(input: { title: " " }) { course { title } userErrors { code } } }',
        staff.lead.actor,
    )
    assert answer.data == {"createCourse": {"course": None, "userErrors": [{"code": "INVALID_INPUT"}]}}
    assert answer.statements == []


async def test_a_batch_that_fails_is_an_error_at_each_place(
    api: Api, database: Database, staff: Staff
) -> None:
    for number in range(2):
        await make_course_of(database, staff, title=f"C{number}")
    held = asyncio.Event()
    context = Context(api.resources, staff.lead.actor)

    class Broken:
        def load(self, key: int) -> "asyncio.Future[Any]":
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            future.set_exception(ConnectionError("gone"))
            held.set()
            return future

    context.loaders.catalog.__dict__["modules"] = Broken()
    from graphql import execute, parse

    result: Any = execute(
        SCHEMA, parse("{ courses(first: 9) { nodes { title modules { title } } } }"), context_value=context
    )
    result = await result
    assert held.is_set()
    assert result.data == {"courses": None}
    assert {type(error.original_error) for error in result.errors} == {ConnectionError}


async def test_statements_stop_when_the_operation_is_cancelled(
    api: Api, database: Database, staff: Staff
) -> None:
    course = await make_course_of(database, staff)
    counted = StatementCount()
    token = statements.set(counted)
    task = asyncio.create_task(
        api("query ($id: ID!) { course(id: $id) { modules { title } instructor { name } } }", id=course.id)
    )
    statements.reset(token)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The pool of one connection is free again.
    assert len(await run(database, "SELECT 1")) == 1


async def test_a_gate_is_asked_for_a_whole_list_at_once_and_closes_field_by_field(
    api: Api, database: Database, staff: Staff
) -> None:
    """One statement asks which of the courses are the asker's, and one for each field reads of those."""
    for _ in range(2):
        await make_course_of(database, staff)
    await run(database, "DELETE FROM course_instructors WHERE course_id = (SELECT max(id) FROM courses)")
    document = "{ courses(first: 100, orderBy: NEWEST) { nodes { cohorts { name } invitations(first: 1) { nodes { id } } } } }"
    answer = await api.ask(document, staff.lead.actor)
    closed, opened = answer.data["courses"]["nodes"]
    assert closed == {"cohorts": None, "invitations": None}
    assert opened == {"cohorts": [], "invitations": {"nodes": []}}
    # The list, the gate of both fields, cohorts, invitations.
    assert len(answer.statements) == 4
    # Who cannot teach is asked about nothing.
    assert len((await api.ask(document, staff.student.actor)).statements) == 1
