"""Modules: the parts of a course, in order."""

from sqlalchemy import BigInteger, bindparam, delete, func, insert, select, text, update

from app.catalog.cards import courses_changed
from app.catalog.errors import InvalidState, LimitReached
from app.catalog.models import CourseStats, CourseStatus, Lesson, Module
from app.catalog.service.editing import check_version, course_to_edit, module_to_edit
from app.catalog.service.outlines import outline_changed
from app.catalog.service.positions import MODULES, check_position
from app.database import Transaction, compiled
from app.identity.actor import Actor
from app.validation import checked_text

MODULE_LIMIT = 100
TITLE_LIMIT = 200
DESCRIPTION_LIMIT = 5_000
_ID = bindparam("module_id", type_=BigInteger)

_INSERT = compiled(
    insert(Module).returning(Module.id), columns=["course_id", "title", "description", "position"]
)
_UPDATE = compiled(
    update(Module)
    .where(Module.id == _ID)
    .values(
        title=bindparam("new_title"), description=bindparam("new_description"), version=Module.version + 1
    )
)
_LESSONS_LEFT = compiled(
    select(CourseStats.lesson_count).where(CourseStats.course_id == bindparam("course_id", type_=BigInteger))
)
_DELETE_LESSONS = compiled(delete(Lesson).where(Lesson.module_id == _ID).returning(Lesson.id))
_DELETE = compiled(delete(Module).where(Module.id == _ID))
_COUNT_LESSONS = compiled(select(func.count()).where(Lesson.module_id == _ID))
_CHANGE_LESSON_COUNT = compiled(
    text(
        "UPDATE course_stats SET lesson_count = lesson_count + CAST(:by AS integer) "
        "FROM courses WHERE course_id = CAST(:course_id AS bigint) AND courses.id = course_id RETURNING courses.status"
    )
)


async def add_module(
    tx: Transaction,
    actor: Actor,
    *,
    course_id: int,
    title: str,
    description: str = "",
    position: int | None = None,
) -> int:
    """At `position` (from 1), or at the end. Returns its id. Raises LIMIT_REACHED at 100 modules."""
    check_position(position)
    title = checked_text(title, "input", "title", minimum=1, maximum=TITLE_LIMIT)
    description = checked_text(description, "input", "description", maximum=DESCRIPTION_LIMIT, breaks=True)
    await course_to_edit(tx, actor, course_id, "courseId")
    if len(await MODULES.ids(tx, course_id)) >= MODULE_LIMIT:
        raise LimitReached(f"A course has at most {MODULE_LIMIT} modules.", path=("input", "courseId"))
    position = await MODULES.open_gap(tx, course_id, position)
    rows = await tx.fetch(
        _INSERT, course_id=course_id, title=title, description=description, position=position
    )
    return int(rows[0]["id"])


async def update_module(
    tx: Transaction,
    actor: Actor,
    *,
    module_id: int,
    expected_version: int,
    title: str | None,
    description: str | None,
) -> None:
    """Changes what is given. Raises CONFLICT when the version is stale."""
    module = await module_to_edit(tx, actor, module_id, "moduleId")
    check_version(module, expected_version)
    if title is None:
        title = module["title"]
    if description is None:
        description = module["description"]
    await tx.fetch(
        _UPDATE,
        module_id=module_id,
        new_title=checked_text(title, "input", "title", minimum=1, maximum=TITLE_LIMIT),
        new_description=checked_text(
            description, "input", "description", maximum=DESCRIPTION_LIMIT, breaks=True
        ),
    )


async def remove_module(tx: Transaction, actor: Actor, *, module_id: int) -> int:
    """With its lessons. Returns the course's id. Raises INVALID_STATE when a published course would lose its last lesson."""
    module = await module_to_edit(tx, actor, module_id, "moduleId")
    course_id: int = module["course_id"]
    going = (await tx.fetch(_COUNT_LESSONS, module_id=module_id))[0][0]
    await refuse_emptying(tx, actor, course_id, going, "moduleId")
    await tx.fetch(_DELETE_LESSONS, module_id=module_id)
    await tx.fetch(_DELETE, module_id=module_id)
    await MODULES.close_gap(tx, course_id, module["position"])
    await change_lesson_count(tx, course_id, -going)
    if going:
        await outline_changed(tx, actor, course_id)
    return course_id


async def change_lesson_count(tx: Transaction, course_id: int, by: int) -> None:
    rows = await tx.fetch(_CHANGE_LESSON_COUNT, course_id=course_id, by=by)
    if rows[0]["status"] == CourseStatus.PUBLISHED:
        await courses_changed(tx, course_id)


async def reorder_modules(tx: Transaction, actor: Actor, *, course_id: int, module_ids: list[int]) -> None:
    """Raises CONFLICT unless the list names every module of the course exactly once."""
    await course_to_edit(tx, actor, course_id, "courseId")
    await MODULES.arrange(tx, course_id, module_ids, "moduleIds")


async def refuse_emptying(tx: Transaction, actor: Actor, course_id: int, going: int, *path: str) -> None:
    """A published course keeps at least one lesson. Raises INVALID_STATE."""
    course = await course_to_edit(tx, actor, course_id, *path)
    left = (await tx.fetch(_LESSONS_LEFT, course_id=course_id))[0][0] - going
    if going and left <= 0 and course["status"] == CourseStatus.PUBLISHED:
        raise InvalidState(
            "A published course keeps at least one lesson. Unpublish it first.", path=("input", *path)
        )
