"""No course is ever needed for itself, whoever changes what at once."""

import asyncio

from app.database import Database
from app.errors import DomainError
from app.identity.models import Role
from app.learning.service import set_course_prerequisites
from app.resources import Resources
from tests.factories.catalog import MadeCourse, make_course, run
from tests.factories.identity import MadeUser, make_user

_CIRCLES = """
WITH RECURSIVE needed AS (
    SELECT course_id, required_course_id FROM course_prerequisites
    UNION SELECT n.course_id, q.required_course_id FROM needed n JOIN course_prerequisites q ON q.course_id = n.required_course_id
) SELECT FROM needed WHERE course_id = required_course_id
"""


async def test_circles_that_two_would_close_together(crowd: Resources, database: Database) -> None:
    teacher = await make_user(database, Role.INSTRUCTOR)
    courses = [await make_course(database, teacher.actor) for _ in range(6)]

    async def require(course: MadeCourse, other: MadeCourse) -> bool:
        return await _tried(crowd, teacher, course, other)

    # Each wants the next one, the last the first: all but one of them may.
    done = await asyncio.gather(
        *(require(course, other) for course, other in zip(courses, [*courses[1:], courses[0]], strict=True))
    )
    assert sorted(done) == [False] + [True] * 5
    assert await run(database, _CIRCLES) == []


async def _tried(resources: Resources, teacher: MadeUser, course: MadeCourse, other: MadeCourse) -> bool:
    try:
        async with resources.database.transaction() as tx:
            await set_course_prerequisites(
                tx, teacher.actor, course_id=course.number, required_course_ids=[other.number]
            )
    except DomainError:
        return False
    return True
