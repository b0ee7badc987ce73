"""Who may edit a course, and the lock that lets its structure change one writer at a time."""

from collections.abc import Sequence

from asyncpg import Record
from sqlalchemy import BigInteger, bindparam, select

from app.catalog.errors import InvalidState, NotFound, StaleVersion
from app.catalog.models import Course, CourseInstructor, CourseStatus, Lesson, Module
from app.catalog.reads.courses import actor_values, visible
from app.database import Query, Transaction, compiled
from app.errors import Forbidden
from app.identity.actor import Actor

_TEACHES = (
    select(CourseInstructor.course_id)
    .where(
        CourseInstructor.course_id == Course.id,
        CourseInstructor.user_id == bindparam("viewer", type_=BigInteger),
    )
    .exists()
    .label("teaches")
)
# NO KEY: rows that merely refer to the course (a new lesson's foreign key) need not wait.
_LOCK = compiled(
    select(Course, _TEACHES)
    .where(Course.id == bindparam("course_id", type_=BigInteger), visible())
    .with_for_update(key_share=True, of=Course)
)
_LOCK_SEVERAL = Query(
    "SELECT id FROM courses WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE", ("course_ids",), {}
)
MODULE = compiled(select(Module).where(Module.id == bindparam("module_id", type_=BigInteger)))
_LESSON = compiled(select(Lesson).where(Lesson.id == bindparam("lesson_id", type_=BigInteger)))


async def course_to_edit(
    tx: Transaction, actor: Actor, course_id: int, *path: str, what: str = "course", archived: bool = False
) -> Record:
    """The course, locked until the transaction ends: every change of its structure passes here, one after the other.

    Raises NotFound for what the actor may not see, Forbidden for what they may not edit, InvalidState when archived.
    """
    course = await tx.fetch_one(_LOCK, course_id=course_id, **actor_values(actor))
    if course is None:
        raise NotFound(what, *path)
    if not (actor.is_admin or (course["teaches"] and actor.may_teach)):
        raise Forbidden
    if course["status"] == CourseStatus.ARCHIVED and not archived:
        raise InvalidState(
            "An archived course does not change. Publish it again first.", path=("input", *path)
        )
    return course


async def lock_courses(tx: Transaction, course_ids: Sequence[int]) -> None:
    """For whoever changes several in one transaction: in ascending order, before the first of them is changed."""
    await tx.fetch(_LOCK_SEVERAL, course_ids=course_ids)


async def module_to_edit(tx: Transaction, actor: Actor, module_id: int, *path: str) -> Record:
    """The module as it is once its course is locked. Raises as `course_to_edit`."""
    module = await tx.fetch_one(MODULE, module_id=module_id)
    if module is None:
        raise NotFound("module", *path)
    await course_to_edit(tx, actor, module["course_id"], *path, what="module")
    # Read again: it may have changed, or gone, while we waited for the lock.
    module = await tx.fetch_one(MODULE, module_id=module_id)
    if module is None:
        raise NotFound("module", *path)
    return module


async def lesson_to_edit(tx: Transaction, actor: Actor, lesson_id: int, *path: str) -> Record:
    """The lesson as it is once its course is locked. Raises as `course_to_edit`."""
    lesson = await tx.fetch_one(_LESSON, lesson_id=lesson_id)
    if lesson is None:
        raise NotFound("lesson", *path)
    await course_to_edit(tx, actor, lesson["course_id"], *path, what="lesson")
    lesson = await tx.fetch_one(_LESSON, lesson_id=lesson_id)
    if lesson is None:
        raise NotFound("lesson", *path)
    return lesson


def check_version(row: Record, expected: int) -> None:
    """Raises StaleVersion when the row is not what the caller last saw."""
    if row["version"] != expected:
        raise StaleVersion(row["version"])
