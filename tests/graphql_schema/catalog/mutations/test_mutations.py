"""What every mutation refuses: people without the right, ids of nothing, stale versions. And that nothing is written."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.database import Database
from graphql_schema.node import global_id
from tests.factories.catalog import MadeCourse, Staff, codes, make_course_of, nothing_written, run
from tests.support.api import Api

Values = Callable[[MadeCourse, Staff], dict[str, Any]]

# Each verb with an input that its course's lead may give; the first field names what is changed.
VERBS: dict[str, Values] = {
    "updateCourse": lambda course, _: {"courseId": course.id, "expectedVersion": 1, "title": "New"},
    "publishCourse": lambda course, _: {"courseId": course.id},
    "unpublishCourse": lambda course, _: {"courseId": course.id},
    "archiveCourse": lambda course, _: {"courseId": course.id},
    "addCourseInstructor": lambda course, staff: {"courseId": course.id, "userId": staff.stranger.id},
    "removeCourseInstructor": lambda course, staff: {"courseId": course.id, "userId": staff.colleague.id},
    "addModule": lambda course, _: {"courseId": course.id, "title": "M"},
    "updateModule": lambda course, _: {"moduleId": course.modules[0], "expectedVersion": 1, "title": "New"},
    "removeModule": lambda course, _: {"moduleId": course.modules[0]},
    "reorderModules": lambda course, _: {"courseId": course.id, "moduleIds": course.modules[::-1]},
    "addLesson": lambda course, _: {"moduleId": course.modules[0], "title": "L", "kind": "PAGE", "body": "B"},
    "updateLesson": lambda course, _: {"lessonId": course.lessons[0], "expectedVersion": 1, "title": "New"},
    "moveLesson": lambda course, _: {"lessonId": course.lessons[0], "moduleId": course.modules[1]},
    "removeLesson": lambda course, _: {"lessonId": course.lessons[0]},
    "reorderLessons": lambda course, _: {"moduleId": course.modules[0], "lessonIds": course.lessons[1::-1]},
}
FEATURE: Values = lambda course, _: {"courseId": course.id, "featured": True}  # noqa: E731
CREATE: Values = lambda _course, _: {"title": "T"}  # noqa: E731
VERSIONED = {"updateCourse": "course", "updateModule": "module", "updateLesson": "lesson"}
NOTHING = 2**63 - 1


def document(verb: str) -> str:
    input_type = f"{verb[0].upper()}{verb[1:]}Input"
    return f"mutation ($input: {input_type}!) {{ {verb}(input: $input) {{ userErrors {{ code path }} }} }}"


@pytest.mark.parametrize(
    ("verb", "values"), (VERBS | {"setCourseFeatured": FEATURE, "createCourse": CREATE}).items()
)
@pytest.mark.parametrize("published", [True, False])
async def test_only_teachers_change_anything(
    api: Api, staff: Staff, verb: str, values: Values, published: bool
) -> None:
    database = api.resources.database
    course = await make_course_of(database, staff, lessons=(2, 1), published=published)
    async with nothing_written(database):
        for role, code in (("anonymous", "UNAUTHENTICATED"), ("student", "FORBIDDEN")):
            answer = await api.ask(document(verb), staff.actor(role), input=values(course, staff))
            assert answer.data == {verb: None}
            assert codes(answer) == [code]
            # The policy decides before anything is read.
            assert answer.statements == []


@pytest.mark.parametrize(("verb", "values"), VERBS.items())
async def test_instructors_of_other_courses_change_nothing(
    api: Api, database: Database, staff: Staff, verb: str, values: Values
) -> None:
    published = await make_course_of(database, staff, lessons=(2, 1))
    draft = await make_course_of(database, staff, lessons=(2, 1), published=False)
    async with nothing_written(database):
        answer = await api.ask(document(verb), staff.stranger.actor, input=values(published, staff))
        assert (answer.data, codes(answer)) == ({verb: None}, ["FORBIDDEN"])
        # A draft of others does not exist for them.
        given = values(draft, staff)
        payload = await api.change(verb, staff.stranger.actor, **given)
        assert payload["userErrors"] == [{"code": "NOT_FOUND", "path": ["input", next(iter(given))]}]


@pytest.mark.parametrize(("verb", "values"), VERBS.items())
@pytest.mark.parametrize("role", ["admin", "colleague"])
async def test_administrators_and_colleagues_may(
    api: Api, staff: Staff, verb: str, values: Values, role: str
) -> None:
    database = api.resources.database
    course = await make_course_of(database, staff, lessons=(2, 1))
    assert await api.change(verb, staff.actor(role), **values(course, staff)) == {"userErrors": []}


@pytest.mark.parametrize("role", ["lead", "colleague", "stranger"])
async def test_administrators_alone_feature(api: Api, database: Database, staff: Staff, role: str) -> None:
    course = await make_course_of(database, staff)
    async with nothing_written(database):
        answer = await api.ask(document("setCourseFeatured"), staff.actor(role), input=FEATURE(course, staff))
        assert (answer.data, codes(answer)) == ({"setCourseFeatured": None}, ["FORBIDDEN"])


def wrong_ids(staff: Staff, course: MadeCourse, field: str) -> list[str]:
    kind = field.removesuffix("Id").capitalize()
    others = {
        "Course": course.modules[0],
        "Module": course.lessons[0],
        "Lesson": course.id,
        "User": course.id,
    }
    return [
        global_id(kind, NOTHING),
        global_id(kind, 0),
        others[kind],
        global_id("Unknown", 1),
        f"{global_id(kind, 1)}\0",
        "",
        "1",
        "🦊",
        "x" * 10_000,
    ]


@pytest.mark.parametrize(("verb", "values"), (VERBS | {"setCourseFeatured": FEATURE}).items())
async def test_ids_of_nothing(api: Api, database: Database, staff: Staff, verb: str, values: Values) -> None:
    course = await make_course_of(database, staff, lessons=(2, 1))
    given = values(course, staff)
    async with nothing_written(database):
        for field in [name for name in given if name.endswith("Id")]:
            if (verb, field) == ("removeCourseInstructor", "userId"):
                continue  # who is not on the course changes nothing, whoever they are: below
            for wrong in wrong_ids(staff, course, field):
                payload = await api.change(verb, staff.admin.actor, **given | {field: wrong})
                assert payload["userErrors"] == [{"code": "NOT_FOUND", "path": ["input", field]}], wrong


async def test_a_nobody_is_not_removed(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    async with nothing_written(database):
        for wrong in wrong_ids(staff, course, "userId")[2:]:
            payload = await api.change(
                "removeCourseInstructor", staff.admin.actor, courseId=course.id, userId=wrong
            )
            assert payload["userErrors"] == [{"code": "NOT_FOUND", "path": ["input", "userId"]}]


@pytest.mark.parametrize(("verb", "kind"), VERSIONED.items())
@pytest.mark.parametrize("version", [0, 2, -1, 2**31 - 1, -(2**31)])
async def test_a_stale_version_is_a_conflict(
    api: Api, staff: Staff, verb: str, kind: str, version: int
) -> None:
    database = api.resources.database
    course = await make_course_of(database, staff, lessons=(2, 1))
    given = VERBS[verb](course, staff) | {"expectedVersion": version}
    async with nothing_written(database):
        payload = await api.change(verb, staff.lead.actor, f"{kind} {{ id }}", **given)
        assert payload == {
            kind: None,
            "userErrors": [{"code": "CONFLICT", "path": ["input", "expectedVersion"]}],
        }


@pytest.mark.parametrize(("verb", "kind"), VERSIONED.items())
async def test_of_many_writers_of_one_version_one_wins(
    crowd_api: Api, database: Database, staff: Staff, verb: str, kind: str
) -> None:
    course = await make_course_of(database, staff, lessons=(2, 1))
    given = VERBS[verb](course, staff)
    payloads = await asyncio.gather(
        *(
            crowd_api.change(
                verb, staff.lead.actor, f"{kind} {{ title version }}", **given | {"title": f"T{n}"}
            )
            for n in range(10)
        )
    )
    won = [payload[kind] for payload in payloads if payload[kind] is not None]
    lost = [payload["userErrors"] for payload in payloads if payload[kind] is None]
    assert lost == [[{"code": "CONFLICT", "path": ["input", "expectedVersion"]}]] * 9
    rows = await run(database, f"SELECT title, version FROM {kind}s ORDER BY version DESC LIMIT 1")
    assert won == [{"title": rows[0]["title"], "version": 2}]
    assert rows[0]["version"] == 2


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 1.5, "1", True, None, [1]])
async def test_integers_out_of_range_never_reach_the_verb(
    api: Api, database: Database, staff: Staff, value: Any
) -> None:
    course = await make_course_of(database, staff)
    async with nothing_written(database):
        for verb, given in (
            ("updateCourse", {"courseId": course.id, "expectedVersion": value}),
            (
                "addModule",
                {"courseId": course.id, "title": "M", "position": value if value is not None else ""},
            ),
        ):
            answer = await api.ask(document(verb), staff.lead.actor, input=given)
            assert codes(answer) == ["BAD_USER_INPUT"]
            assert answer.statements == []
