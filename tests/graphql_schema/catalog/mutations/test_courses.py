"""Making, changing, publishing, archiving and featuring courses; who teaches them. Refusals: test_refusals.py."""

from typing import Any

import pytest

from app.catalog.service.courses import INSTRUCTOR_LIMIT
from app.database import Database
from graphql_schema.node import global_id
from tests.factories.catalog import Staff, codes, make_course, make_course_of, nothing_written, run
from tests.support.api import Api

COURSE = """course { id slug title description category level language status version isFeatured lessonCount
    enrollmentCount rating ratingCount publishedAt skills instructor { id name }
    instructors { user { id } } modules { id } lessons(first: 5) { nodes { id } } }"""

ADD = """mutation ($course: ID!, $user: ID!) {
    addCourseInstructor(input: {courseId: $course, userId: $user}) { userErrors { code message path } } }"""
NOBODY = global_id("User", 2**63 - 1)


def refused(payload: dict[str, Any], obj: str = "course") -> list[tuple[str, list[str]]]:
    assert payload.get(obj) is None
    return [(error["code"], error["path"]) for error in payload["userErrors"]]


async def test_create(api: Api, staff: Staff) -> None:
    payload = await api.change(
        "createCourse",
        staff.lead.actor,
        COURSE,
        title="  Bread & Salt ",
        description=" Two lines.\nOf text. ",
        category=" Baking ",
        level="ADVANCED",
        language=" pt-BR ",
    )
    course = payload["course"]
    assert payload["userErrors"] == []
    assert course.pop("id")
    assert course == {
        "slug": "bread-salt",
        "title": "Bread & Salt",
        "description": "Two lines.\nOf text.",
        "category": "Baking",
        "level": "ADVANCED",
        "language": "pt-br",
        "status": "DRAFT",
        "version": 1,
        "isFeatured": False,
        "lessonCount": 0,
        "enrollmentCount": 0,
        "rating": None,
        "ratingCount": 0,
        "publishedAt": None,
        "skills": [],
        "instructor": {"id": staff.lead.id, "name": "Lea Lead"},
        "instructors": [{"user": {"id": staff.lead.id}}],
        "modules": [],
        "lessons": {"nodes": []},
    }


async def test_create_needs_a_title_alone(api: Api, staff: Staff) -> None:
    payload = await api.change(
        "createCourse", staff.admin.actor, "course { title description category level language }", title="T"
    )
    assert payload["course"] == {
        "title": "T",
        "description": "",
        "category": None,
        "level": None,
        "language": None,
    }


async def test_an_account_that_is_gone_makes_nothing(api: Api, database: Database, staff: Staff) -> None:
    await run(database, "DELETE FROM users WHERE id = $1", staff.stranger.number)
    async with nothing_written(database):
        answer = await api.ask(
            'mutation { createCourse(input: {title: "T"}) { course { id } } }', staff.stranger.actor
        )
    assert (codes(answer), answer.data) == (["UNAUTHENTICATED"], {"createCourse": None})
    (entry,) = await run(database, "SELECT action, outcome, actor_id FROM audit_log")
    assert tuple(entry) == ("createCourse", "UNAUTHENTICATED", staff.stranger.number)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": " \t "}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"title": "a\x1bb"}, "title"),
        ({"title": "a\ud800b"}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"description": "a\0b"}, "description"),
        ({"description": "x" * 10_001}, "description"),
        ({"category": " "}, "category"),
        ({"category": "a\tb"}, "category"),
        ({"category": "x" * 101}, "category"),
        ({"language": ""}, "language"),
        ({"language": "english"}, "language"),
        ({"language": "e"}, "language"),
        ({"language": "en_GB"}, "language"),
        ({"language": "en\0"}, "language"),
        ({"language": "én"}, "language"),
    ],
)
async def test_bad_details(
    api: Api, database: Database, staff: Staff, values: dict[str, str], field: str
) -> None:
    course = await make_course_of(database, staff)
    async with nothing_written(database):
        payload = await api.change(
            "createCourse", staff.lead.actor, "course { id }", **{"title": "T"} | values
        )
        assert refused(payload) == [("INVALID_INPUT", ["input", field])]
        payload = await api.change(
            "updateCourse",
            staff.lead.actor,
            "course { id }",
            courseId=course.id,
            expectedVersion=1,
            **values,
        )
        assert refused(payload) == [("INVALID_INPUT", ["input", field])]


@pytest.mark.parametrize(
    "title", ["x" * 200, "🦊🦊🦊", "مرحبا بالعالم", "\u0627" * 200, "e\u0301tude", "<b>&amp;</b>"]
)
async def test_titles_come_back_as_given(api: Api, staff: Staff, title: str) -> None:
    payload = await api.change("createCourse", staff.lead.actor, "course { title slug }", title=title)
    assert payload["course"]["title"] == title
    assert payload["course"]["slug"].isascii()
    assert 1 <= len(payload["course"]["slug"]) <= 80


async def test_update_changes_what_is_given(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(
        database, staff, title="Old", description="D", category="C", level="beginner", language="en"
    )
    selection = "course { slug title description category level language version }"
    payload = await api.change(
        "updateCourse", staff.colleague.actor, selection, courseId=course.id, expectedVersion=1, title="New"
    )
    rest = {"slug": "old", "description": "D", "category": "C", "level": "BEGINNER", "language": "en"}
    assert payload == {"userErrors": [], "course": rest | {"title": "New", "version": 2}}
    payload = await api.change(
        "updateCourse",
        staff.admin.actor,
        selection,
        courseId=course.id,
        expectedVersion=2,
        description=None,
        category=None,
        level=None,
        language=None,
    )
    assert payload["course"] == {
        "slug": "old",
        "title": "New",
        "description": "",
        "category": None,
        "level": None,
        "language": None,
        "version": 3,
    }


async def test_a_course_keeps_a_title(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    async with nothing_written(database):
        payload = await api.change(
            "updateCourse",
            staff.lead.actor,
            "course { id }",
            courseId=course.id,
            expectedVersion=1,
            title=None,
        )
        assert refused(payload) == [("INVALID_INPUT", ["input", "title"])]


async def test_publishing(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, published=False)
    lead = staff.lead.actor

    async def change(verb: str) -> Any:
        return (await api.change(verb, lead, "course { status publishedAt isFeatured }", courseId=course.id))[
            "course"
        ]

    published = await change("publishCourse")
    assert published["status"] == "PUBLISHED"
    assert published["publishedAt"] is not None
    async with nothing_written(database):
        assert await change("publishCourse") == published
    await api.change(
        "setCourseFeatured", staff.admin.actor, "course { id }", courseId=course.id, featured=True
    )
    draft = await change("unpublishCourse")
    assert draft == {"status": "DRAFT", "publishedAt": published["publishedAt"], "isFeatured": False}
    async with nothing_written(database):
        assert await change("unpublishCourse") == draft
    assert await change("publishCourse") == published
    archived = await change("archiveCourse")
    assert archived == {"status": "ARCHIVED", "publishedAt": published["publishedAt"], "isFeatured": False}
    async with nothing_written(database):
        assert await change("archiveCourse") == archived
    assert await change("publishCourse") == published
    assert [tuple(row) for row in await run(database, "SELECT archived_at FROM courses")] == [(None,)]


@pytest.mark.parametrize("lessons", [(), (0, 0)])
async def test_no_course_without_a_lesson_is_published(
    api: Api, database: Database, staff: Staff, lessons: tuple[int, ...]
) -> None:
    course = await make_course_of(database, staff, lessons=lessons, published=False)
    async with nothing_written(database):
        payload = await api.change("publishCourse", staff.lead.actor, "course { id }", courseId=course.id)
        assert refused(payload) == [("INVALID_STATE", ["input", "courseId"])]


async def test_a_draft_is_neither_archived_nor_featured(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, published=False)
    async with nothing_written(database):
        payload = await api.change("archiveCourse", staff.lead.actor, "course { id }", courseId=course.id)
        assert refused(payload) == [("INVALID_STATE", ["input", "courseId"])]
        payload = await api.change(
            "setCourseFeatured", staff.admin.actor, "course { id }", courseId=course.id, featured=True
        )
        assert refused(payload) == [("INVALID_STATE", ["input", "courseId"])]


async def test_an_archived_course_does_not_change(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(2, 1))
    await api.change("archiveCourse", staff.lead.actor, "course { id }", courseId=course.id)
    module, lesson = course.modules[0], course.lessons[0]
    changes: list[tuple[str, dict[str, Any], str]] = [
        ("updateCourse", {"courseId": course.id, "expectedVersion": 1, "title": "New"}, "courseId"),
        ("unpublishCourse", {"courseId": course.id}, "courseId"),
        ("setCourseFeatured", {"courseId": course.id, "featured": True}, "courseId"),
        ("addCourseInstructor", {"courseId": course.id, "userId": staff.stranger.id}, "courseId"),
        ("removeCourseInstructor", {"courseId": course.id, "userId": staff.colleague.id}, "courseId"),
        ("addModule", {"courseId": course.id, "title": "M"}, "courseId"),
        ("updateModule", {"moduleId": module, "expectedVersion": 1, "title": "M"}, "moduleId"),
        ("removeModule", {"moduleId": module}, "moduleId"),
        ("reorderModules", {"courseId": course.id, "moduleIds": course.modules[::-1]}, "courseId"),
        ("addLesson", {"moduleId": module, "title": "L", "kind": "PAGE", "body": "B"}, "moduleId"),
        ("updateLesson", {"lessonId": lesson, "expectedVersion": 1, "title": "L"}, "lessonId"),
        ("moveLesson", {"lessonId": lesson, "moduleId": course.modules[1]}, "lessonId"),
        ("removeLesson", {"lessonId": lesson}, "lessonId"),
        ("reorderLessons", {"moduleId": module, "lessonIds": course.lessons[1::-1]}, "moduleId"),
    ]
    async with nothing_written(database):
        for verb, values, field in changes:
            payload = await api.change(verb, staff.admin.actor, **values)
            assert refused(payload) == [("INVALID_STATE", ["input", field])], verb


async def test_featuring(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    for featured in (True, False):
        payload = await api.change(
            "setCourseFeatured",
            staff.admin.actor,
            "course { isFeatured }",
            courseId=course.id,
            featured=featured,
        )
        assert payload["course"] == {"isFeatured": featured}


async def test_featuring_again_keeps_the_place(api: Api, database: Database, staff: Staff) -> None:
    first, second = [await make_course(database, staff.lead.actor, title=title) for title in "AB"]
    for course in (first, second, first):
        await api.change(
            "setCourseFeatured", staff.admin.actor, "course { id }", courseId=course.id, featured=True
        )
    data = await api("{ featuredCourses(first: 2) { id } }")
    assert [node["id"] for node in data["featuredCourses"]] == [second.id, first.id]


async def test_instructors(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course(database, staff.lead.actor)
    selection = "course { instructors { user { id } } instructor { id } }"
    people = [staff.lead.id]
    for user in (staff.stranger, staff.admin):
        people.append(user.id)
        payload = await api.change(
            "addCourseInstructor", staff.lead.actor, selection, courseId=course.id, userId=user.id
        )
        assert payload["course"] == {
            "instructors": [{"user": {"id": person}} for person in people],
            "instructor": {"id": staff.lead.id},
        }
    async with nothing_written(database):
        payload = await api.change(
            "addCourseInstructor", staff.stranger.actor, selection, courseId=course.id, userId=staff.admin.id
        )
        assert payload["userErrors"] == []
    payload = await api.change(
        "removeCourseInstructor", staff.lead.actor, selection, courseId=course.id, userId=staff.stranger.id
    )
    assert payload["course"]["instructors"] == [
        {"user": {"id": staff.lead.id}},
        {"user": {"id": staff.admin.id}},
    ]
    async with nothing_written(database):
        payload = await api.change(
            "removeCourseInstructor",
            staff.lead.actor,
            selection,
            courseId=course.id,
            userId=staff.stranger.id,
        )
        assert payload["userErrors"] == []


async def test_who_leaves_a_draft_sees_it_no_more(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, published=False)
    payload = await api.change(
        "removeCourseInstructor",
        staff.colleague.actor,
        "course { id }",
        courseId=course.id,
        userId=staff.colleague.id,
    )
    assert payload == {"course": None, "userErrors": []}


async def test_who_may_not_teach_or_leave(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff)
    async with nothing_written(database):
        payload = await api.change(
            "removeCourseInstructor", staff.colleague.actor, courseId=course.id, userId=staff.lead.id
        )
        assert refused(payload) == [("INVALID_STATE", ["input", "userId"])]


@pytest.mark.parametrize(
    ("role", "of_a_student"), [("admin", "INVALID_INPUT"), ("lead", "NOT_FOUND"), ("colleague", "NOT_FOUND")]
)
async def test_who_teaches_does_not_learn_who_is_a_student(
    api: Api, database: Database, staff: Staff, role: str, of_a_student: str
) -> None:
    course = await make_course_of(database, staff)
    actor = staff.actor(role)
    answers = []
    async with nothing_written(database):
        for user_id, code in ((staff.student.id, of_a_student), (NOBODY, "NOT_FOUND")):
            data = await api(ADD, actor, course=course.id, user=user_id)
            (error,) = data["addCourseInstructor"]["userErrors"]
            assert (error["code"], error["path"]) == (code, ["input", "userId"])
            answers.append(error)
    node = await api("query ($id: ID!) { node(id: $id) { id } }", actor, id=staff.student.id)
    if role == "admin":
        assert node == {"node": {"id": staff.student.id}}
    else:
        assert answers[0] == answers[1]
        assert node == {"node": None}


async def test_a_hundred_instructors_at_most(api: Api, database: Database, staff: Staff) -> None:
    course = await make_course(database, staff.lead.actor)
    await run(
        database,
        """WITH people AS (
            INSERT INTO users (email, email_key, name, role)
            SELECT 'p' || i || '@school.test', 'p' || i || '@school.test', 'P', 'instructor'
            FROM generate_series(1, $2) AS i RETURNING id
        ) INSERT INTO course_instructors (course_id, user_id) SELECT $1, id FROM people""",
        course.number,
        INSTRUCTOR_LIMIT - 1,
    )
    async with nothing_written(database):
        payload = await api.change(
            "addCourseInstructor", staff.lead.actor, courseId=course.id, userId=staff.stranger.id
        )
        assert refused(payload) == [("LIMIT_REACHED", ["input", "courseId"])]
        payload = await api.change(
            "addCourseInstructor", staff.lead.actor, courseId=course.id, userId=staff.lead.id
        )
        assert refused(payload) == []
