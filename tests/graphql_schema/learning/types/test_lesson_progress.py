"""Progress of lessons and where to go on: seen by whom, in how many statements."""

from typing import Any

import pytest

from app.database import Database
from app.identity.models import Role
from app.resources import Resources
from graphql_schema.node import global_id
from tests.factories.catalog import MadeCourse, Staff, make_course, make_course_of, run
from tests.factories.identity import MadeUser, make_user
from tests.factories.learning import enrolled, enrollment_id
from tests.support.api import Api

NODE = (
    "query ($id: ID!) { node(id: $id) { ... on LessonProgress { id completion { satisfied explanation } } } }"
)
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
VIEWER = """query ($slug: ID!) { course(id: $slug) { lessons(first: 100) { nodes { id completionRule requiredShare
    viewerProgress { id completion { observed satisfied missing { endSeconds } } } } } } }"""
HOME = """{ viewer { continueLearning(first: 100) { id positionSeconds course { title } lesson { id title }
    enrollment { id state progress { share } nextLesson { id } } } } }"""


async def done(database: Database, user: MadeUser, course: MadeCourse, *lessons: int) -> None:
    await run(
        database,
        "WITH done AS (INSERT INTO lesson_progress (user_id, lesson_id, course_id, completed_at)"
        " SELECT $1, lesson, $2, now() FROM unnest($3::bigint[]) AS lesson"
        " ON CONFLICT (user_id, lesson_id) DO UPDATE SET completed_at = now() RETURNING user_id)"
        " UPDATE enrollments SET lessons_completed = lessons_completed + (SELECT count(*) FROM done)"
        " WHERE user_id = $1 AND course_id = $2",
        user.number,
        course.number,
        list(lessons),
    )


async def test_who_sees_whose_progress(
    api: Api, resources: Resources, staff: Staff, database: Database
) -> None:
    course = await make_course_of(database, staff)
    await enrolled(resources, staff.student, course)
    other = await make_user(database)
    await enrolled(resources, other, course)
    progress = global_id("LessonProgress", (staff.student.number, course.lesson_numbers[0]))
    seeing = {"student", "lead", "colleague", "admin"}
    for role in ("nobody", "student", "stranger", "lead", "colleague", "admin"):
        for answer in (
            (await api(NODE, staff.actor(role), id=progress))["node"],
            (await api(NODES, staff.actor(role), ids=[progress]))["nodes"][0],
        ):
            assert (answer is not None) == (role in seeing), role
    assert (await api(NODE, other.actor, id=progress))["node"] is None
    # Who never enrolled has none, not even for administrators.
    none = global_id("LessonProgress", (staff.stranger.number, course.lesson_numbers[0]))
    assert (await api(NODE, staff.admin.actor, id=none))["node"] is None
    await run(database, "UPDATE courses SET status = 'draft' WHERE id = $1", course.number)
    assert (await api(NODE, staff.student.actor, id=progress))["node"] is None


@pytest.mark.parametrize("role", ["nobody", "stranger", "lead"])
async def test_who_does_not_learn_has_no_progress(
    role: str, api: Api, staff: Staff, database: Database
) -> None:
    course = await make_course_of(database, staff)
    answer = await api(VIEWER, staff.actor(role), slug=course.id)
    assert [lesson["viewerProgress"] for lesson in answer["course"]["lessons"]["nodes"]] == [None]


async def test_as_many_statements_for_a_hundred_lessons_as_for_one(
    api: Api, resources: Resources, staff: Staff, database: Database
) -> None:
    counts = set()
    for number in (1, 100):
        course = await make_course(database, staff.lead.actor, lessons=(number,))
        await run(database, "UPDATE lessons SET kind = 'video' WHERE course_id = $1", course.number)
        await run(
            database,
            "INSERT INTO video_metadata (lesson_id, duration_ms) SELECT id, 10000 FROM lessons WHERE course_id = $1",
            course.number,
        )
        await enrolled(resources, staff.student, course)
        answer = await api.ask(VIEWER, staff.student.actor, slug=course.id)
        nodes = answer.data["course"]["lessons"]["nodes"]
        assert len(nodes) == number
        assert nodes[0]["completionRule"] == "WATCHED"
        assert nodes[0]["requiredShare"] == 0.95
        assert nodes[0]["viewerProgress"]["completion"] == {
            "observed": 0,
            "satisfied": False,
            "missing": [{"endSeconds": 10}],
        }
        counts.add(len(answer.statements))
    assert len(counts) == 1


async def test_where_to_go_on(api: Api, resources: Resources, staff: Staff, database: Database) -> None:
    course = await make_course_of(database, staff, lessons=(2, 2))
    first, second, third, fourth = course.lesson_numbers
    await enrolled(resources, staff.student, course)

    async def next_lesson(actor: Any = staff.student.actor) -> str | None:
        document = "query ($id: ID!) { node(id: $id) { ... on Enrollment { nextLesson { id } } } }"
        node = (await api(document, actor, id=enrollment_id(staff.student, course)))["node"]
        return None if node["nextLesson"] is None else str(node["nextLesson"]["id"])

    assert await next_lesson() == global_id("Lesson", first)
    assert await next_lesson(staff.lead.actor) == global_id("Lesson", first)
    await done(database, staff.student, course, first, third)
    assert await next_lesson() == global_id("Lesson", second)
    await api.change("openLesson", staff.student.actor, lessonId=global_id("Lesson", fourth))
    assert await next_lesson() == global_id("Lesson", fourth), "where they were last"
    await done(database, staff.student, course, fourth)
    assert await next_lesson() == global_id("Lesson", second)
    await done(database, staff.student, course, second)
    assert await next_lesson() is None


async def test_the_latest_first(api: Api, resources: Resources, staff: Staff, database: Database) -> None:
    courses = [await make_course_of(database, staff, title=f"Course {number}") for number in range(4)]
    for course in courses:
        await enrolled(resources, staff.student, course)
    await api.change("openLesson", staff.student.actor, lessonId=courses[1].lessons[0])
    await api.change("completeLesson", staff.student.actor, lessonId=courses[3].lessons[0])
    await run(database, "UPDATE courses SET status = 'draft' WHERE id = $1", courses[0].number)
    answer = await api(HOME, staff.student.actor)
    going = answer["viewer"]["continueLearning"]
    assert [each["course"]["title"] for each in going] == ["Course 1", "Course 2"]
    assert [each["lesson"]["id"] for each in going] == [courses[1].lessons[0], courses[2].lessons[0]]
    assert going[0]["enrollment"]["nextLesson"] == {"id": courses[1].lessons[0]}
    assert going[0]["enrollment"]["progress"] == {"share": 0}
    other = await make_user(database, Role.STUDENT)
    assert (await api(HOME, other.actor))["viewer"]["continueLearning"] == []
    for wrong in (0, 101):
        document = f"{{ viewer {{ continueLearning(first: {wrong}) {{ id }} }} }}"
        assert (await api.ask(document, staff.student.actor)).codes == ["BAD_USER_INPUT"]


async def test_as_many_statements_for_a_hundred_courses_as_for_one(
    api: Api, resources: Resources, staff: Staff, database: Database
) -> None:
    counts = set()
    enrolled_in = 0
    for number in (1, 100):
        while enrolled_in < number:
            await enrolled(resources, staff.student, await make_course(database, staff.lead.actor))
            enrolled_in += 1
        answer = await api.ask(HOME, staff.student.actor)
        assert not answer.errors
        assert len(answer.data["viewer"]["continueLearning"]) == number
        counts.add(len(answer.statements))
    assert len(counts) == 1, counts
