"""Making, changing, removing and ordering modules. Refusals: test_mutations.py; many at once: the service's tests."""

from typing import Any

import pytest

from app.catalog.service.modules import MODULE_LIMIT
from app.database import Database
from graphql_schema.node import global_id
from tests.factories.catalog import Staff, make_course, make_course_of, nothing_written, outline, run
from tests.support.api import Api

MODULES = "modules { id title position }"


def errors(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"]) for error in payload["userErrors"]]


@pytest.mark.parametrize(
    ("position", "expected"), [(None, 4), (1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (2**31 - 1, 4)]
)
async def test_add(api: Api, database: Database, staff: Staff, position: int | None, expected: int) -> None:
    course = await make_course_of(database, staff, lessons=(0, 0, 0), published=False)
    payload = await api.change(
        "addModule",
        staff.colleague.actor,
        f"module {{ id title description position version course {{ id {MODULES} }} }}",
        courseId=course.id,
        title=" A module ",
        description=" Of two\nlines ",
        position=position,
    )
    module = payload["module"]
    titles = ["Module 1", "Module 2", "Module 3"]
    titles.insert(expected - 1, "A module")
    in_order = module["course"].pop("modules")
    assert [found["title"] for found in in_order] == titles
    assert [found["position"] for found in in_order] == [1, 2, 3, 4]
    assert in_order[expected - 1]["id"] == module.pop("id")
    assert module == {
        "title": "A module",
        "description": "Of two\nlines",
        "position": expected,
        "version": 1,
        "course": {"id": course.id},
    }


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "a\0"}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"description": "x" * 5_001}, "description"),
        ({"description": "\x07"}, "description"),
    ],
)
async def test_bad_details(
    api: Api, database: Database, staff: Staff, values: dict[str, str], field: str
) -> None:
    course = await make_course_of(database, staff)
    async with nothing_written(database):
        for verb, target in (
            ("addModule", {"courseId": course.id, "title": "M"}),
            ("updateModule", {"moduleId": course.modules[0], "expectedVersion": 1}),
        ):
            payload = await api.change(verb, staff.lead.actor, "module { id }", **target | values)
            assert payload["module"] is None
            assert errors(payload) == [("INVALID_INPUT", ["input", field])]


@pytest.mark.parametrize("position", [0, -1, -(2**31)])
async def test_positions_count_from_one(api: Api, database: Database, staff: Staff, position: int) -> None:
    course = await make_course_of(database, staff)
    async with nothing_written(database):
        payload = await api.change(
            "addModule", staff.lead.actor, courseId=course.id, title="M", position=position
        )
        assert errors(payload) == [("INVALID_INPUT", ["input", "position"])]


async def test_a_hundred_modules_at_most(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(1,))
    await run(
        database,
        "INSERT INTO modules (course_id, title, position) SELECT $1, 'M', i FROM generate_series(2, $2) AS i",
        course.number,
        MODULE_LIMIT,
    )
    async with nothing_written(database):
        payload = await api.change("addModule", staff.lead.actor, courseId=course.id, title="M", position=1)
        assert errors(payload) == [("LIMIT_REACHED", ["input", "courseId"])]
    data = await api("query ($id: ID!) { course(id: $id) { modules { position } } }", id=course.id)
    assert [module["position"] for module in data["course"]["modules"]] == list(range(1, 101))


async def test_update_changes_what_is_given(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    module = {"moduleId": course.modules[0]}
    selection = "module { title description version }"
    payload = await api.change(
        "updateModule", staff.lead.actor, selection, **module, expectedVersion=1, description="D"
    )
    assert payload == {"userErrors": [], "module": {"title": "Module 1", "description": "D", "version": 2}}
    payload = await api.change(
        "updateModule",
        staff.lead.actor,
        selection,
        **module,
        expectedVersion=2,
        title="New",
        description=None,
    )
    assert payload["module"] == {"title": "New", "description": "D", "version": 3}
    payload = await api.change(
        "updateModule", staff.lead.actor, selection, **module, expectedVersion=3, description=""
    )
    assert payload["module"] == {"title": "New", "description": "", "version": 4}


async def test_remove(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(1, 2, 3))
    payload = await api.change(
        "removeModule",
        staff.lead.actor,
        f"removedModuleId course {{ id lessonCount {MODULES} }}",
        moduleId=course.modules[1],
    )
    assert payload["removedModuleId"] == course.modules[1]
    assert payload["course"] == {
        "id": course.id,
        "lessonCount": 4,
        "modules": [
            {"id": course.modules[0], "title": "Module 1", "position": 1},
            {"id": course.modules[2], "title": "Module 3", "position": 2},
        ],
    }
    assert (await outline(database, course.number)).flaws == []
    async with nothing_written(database):
        payload = await api.change(
            "removeModule", staff.lead.actor, "removedModuleId", moduleId=course.modules[1]
        )
        assert errors(payload) == [("NOT_FOUND", ["input", "moduleId"])]
        assert payload["removedModuleId"] is None


async def test_removing_a_video_removes_all_of_it(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(1, 0))
    await api.change(
        "addLesson",
        staff.lead.actor,
        moduleId=course.modules[1],
        title="V",
        kind="VIDEO",
        video={"durationSeconds": 1},
    )
    await api.change("removeModule", staff.lead.actor, moduleId=course.modules[1])
    assert await run(database, "SELECT * FROM video_metadata") == []


async def test_a_published_course_keeps_a_lesson(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(2, 0))
    async with nothing_written(database):
        payload = await api.change("removeModule", staff.lead.actor, moduleId=course.modules[0])
        assert errors(payload) == [("INVALID_STATE", ["input", "moduleId"])]
    # An empty module may go, and of a draft any.
    assert errors(await api.change("removeModule", staff.lead.actor, moduleId=course.modules[1])) == []
    await api.change("unpublishCourse", staff.lead.actor, courseId=course.id)
    payload = await api.change(
        "removeModule", staff.lead.actor, "course { lessonCount modules { id } }", moduleId=course.modules[0]
    )
    assert payload["course"] == {"lessonCount": 0, "modules": []}


async def test_reorder(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(1, 2, 0))
    first, second, third = course.modules
    payload = await api.change(
        "reorderModules",
        staff.lead.actor,
        "course { modules { id position lessons(first: 5) { nodes { position } } } lessons(first: 5) { nodes { id } } }",
        courseId=course.id,
        moduleIds=[third, second, first],
    )
    assert payload["course"] == {
        "modules": [
            {"id": third, "position": 1, "lessons": {"nodes": []}},
            {"id": second, "position": 2, "lessons": {"nodes": [{"position": 1}, {"position": 2}]}},
            {"id": first, "position": 3, "lessons": {"nodes": [{"position": 1}]}},
        ],
        "lessons": {"nodes": [{"id": course.lessons[number]} for number in (1, 2, 0)]},
    }


async def test_a_reorder_names_each_module_once(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(1, 1, 1))
    elsewhere = await make_course(database, staff.lead.actor)
    first, second, third = course.modules
    wrong: list[tuple[list[str], str]] = [
        ([], "CONFLICT"),
        ([first, second], "CONFLICT"),
        ([first, second, third, third], "CONFLICT"),
        ([first, second, second], "CONFLICT"),
        ([first, second, elsewhere.modules[0]], "CONFLICT"),
        ([first, second, third, elsewhere.modules[0]], "CONFLICT"),
        ([first, second, global_id("Module", 0)], "CONFLICT"),
        ([first, second, course.lessons[0]], "NOT_FOUND"),
        ([first, second, "garbage"], "NOT_FOUND"),
        ([first] * 1_001, "INVALID_INPUT"),
    ]
    async with nothing_written(database):
        for ids, code in wrong:
            payload = await api.change("reorderModules", staff.lead.actor, courseId=course.id, moduleIds=ids)
            assert errors(payload) == [(code, ["input", "moduleIds"])], ids[:5]
