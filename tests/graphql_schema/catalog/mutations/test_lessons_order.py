"""Moving, removing and ordering lessons, one after the other; many at once: the service's tests."""

from typing import Any

import pytest

from app.database import Database
from tests.factories.catalog import Staff, make_course, make_course_of, nothing_written, outline
from tests.support.api import Api


def errors(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["path"][1:]) for error in payload["userErrors"]]


@pytest.mark.parametrize(
    ("module", "position", "expected"),
    [
        (0, 1, [["1.2", "1.1", "1.3"], ["2.1"]]),
        (0, 3, [["1.1", "1.3", "1.2"], ["2.1"]]),
        (0, None, [["1.1", "1.3", "1.2"], ["2.1"]]),
        (0, 2, [["1.1", "1.2", "1.3"], ["2.1"]]),
        (0, 99, [["1.1", "1.3", "1.2"], ["2.1"]]),
        (1, 1, [["1.1", "1.3"], ["1.2", "2.1"]]),
        (1, None, [["1.1", "1.3"], ["2.1", "1.2"]]),
        (1, 2, [["1.1", "1.3"], ["2.1", "1.2"]]),
        (1, 99, [["1.1", "1.3"], ["2.1", "1.2"]]),
    ],
)
async def test_move(
    api: Api, staff: Staff, module: int, position: int | None, expected: list[list[str]]
) -> None:
    database = api.resources.database
    course = await make_course_of(database, staff, lessons=(3, 1))
    payload = await api.change(
        "moveLesson",
        staff.lead.actor,
        "lesson { module { id } course { lessonCount modules { lessons(first: 9) { nodes { title } } } } }",
        lessonId=course.lessons[1],
        moduleId=course.modules[module],
        position=position,
    )
    assert payload["lesson"]["module"] == {"id": course.modules[module]}
    assert payload["lesson"]["course"]["lessonCount"] == 4
    assert [
        [node["title"].removeprefix("Lesson ") for node in found["lessons"]["nodes"]]
        for found in payload["lesson"]["course"]["modules"]
    ] == expected
    assert (await outline(database, course.number)).flaws == []


async def test_a_lesson_stays_in_its_course(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    elsewhere = [
        await make_course(database, staff.lead.actor),
        await make_course(database, staff.stranger.actor),
        await make_course(database, staff.stranger.actor, published=False),
    ]
    async with nothing_written(database):
        for other in elsewhere:
            payload = await api.change(
                "moveLesson", staff.lead.actor, lessonId=course.lessons[0], moduleId=other.modules[0]
            )
            assert errors(payload) == [("NOT_FOUND", ["moduleId"])]
        for position in (0, -1):
            payload = await api.change(
                "moveLesson",
                staff.lead.actor,
                lessonId=course.lessons[0],
                moduleId=course.modules[0],
                position=position,
            )
            assert errors(payload) == [("INVALID_INPUT", ["position"])]


async def test_remove(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(3,))
    payload = await api.change(
        "removeLesson",
        staff.lead.actor,
        "removedLessonId module { id lessons(first: 9) { nodes { id position } } course { lessonCount } }",
        lessonId=course.lessons[1],
    )
    nodes = [{"id": course.lessons[0], "position": 1}, {"id": course.lessons[2], "position": 2}]
    assert payload == {
        "userErrors": [],
        "removedLessonId": course.lessons[1],
        "module": {"id": course.modules[0], "lessons": {"nodes": nodes}, "course": {"lessonCount": 2}},
    }
    async with nothing_written(database):
        payload = await api.change(
            "removeLesson", staff.lead.actor, "removedLessonId", lessonId=course.lessons[1]
        )
        assert errors(payload) == [("NOT_FOUND", ["lessonId"])]
        assert payload["removedLessonId"] is None


async def test_a_published_course_keeps_a_lesson(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(1, 1))
    await api.change("removeLesson", staff.lead.actor, lessonId=course.lessons[0])
    async with nothing_written(database):
        payload = await api.change("removeLesson", staff.lead.actor, lessonId=course.lessons[1])
        assert errors(payload) == [("INVALID_STATE", ["lessonId"])]
    await api.change("unpublishCourse", staff.lead.actor, courseId=course.id)
    assert errors(await api.change("removeLesson", staff.lead.actor, lessonId=course.lessons[1])) == []
    assert (await outline(database, course.number)).modules == [
        (number, []) for number in course.module_numbers
    ]


async def test_reorder(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(3, 1))
    wanted = [course.lessons[2], course.lessons[0], course.lessons[1]]
    payload = await api.change(
        "reorderLessons",
        staff.lead.actor,
        "module { lessons(first: 9) { nodes { id position } } }",
        moduleId=course.modules[0],
        lessonIds=wanted,
    )
    nodes = [{"id": lesson, "position": place} for place, lesson in enumerate(wanted, 1)]
    assert payload["module"] == {"lessons": {"nodes": nodes}}
    wrong: list[tuple[list[str], str]] = [
        ([], "CONFLICT"),
        (wanted[:2], "CONFLICT"),
        ([*wanted, wanted[0]], "CONFLICT"),
        ([*wanted[:2], wanted[0]], "CONFLICT"),
        ([*wanted[:2], course.lessons[3]], "CONFLICT"),
        ([*wanted, course.lessons[3]], "CONFLICT"),
        ([*wanted[:2], course.modules[0]], "NOT_FOUND"),
        (wanted * 334, "INVALID_INPUT"),
    ]
    async with nothing_written(database):
        for ids, code in wrong:
            payload = await api.change(
                "reorderLessons", staff.lead.actor, moduleId=course.modules[0], lessonIds=ids
            )
            assert errors(payload) == [(code, ["lessonIds"])]
