"""Modules and lessons: the outlines, which are public. What is in a lesson: app/learning/reads/access.py."""

from collections.abc import Sequence
from typing import Any

from asyncpg import Record
from sqlalchemy import Select, and_, any_, select, text
from sqlalchemy.orm import aliased

from app.catalog.models import Course, CourseStatus, Lesson, Module, VideoMetadata
from app.catalog.reads.courses import KEYS, actor_values, visible
from app.database import Fetch, Query, compiled
from app.identity.actor import Actor

# Where a lesson stands in its course: pages are ordered by it and cursors made of it.
LESSON_CURSOR: dict[str, type] = {"module_id": int, "module_position": int, "position": int, "id": int}
_course = aliased(Course)
# Whether anybody may see its content, now. Of preview lessons alone the course is looked up.
_IS_OPEN = and_(
    Lesson.is_preview,
    select(_course.status != CourseStatus.DRAFT).where(_course.id == Lesson.course_id).scalar_subquery(),
).label("is_open")


def _module_rows() -> Select[*tuple[Any, ...]]:
    return select(
        Module.id, Module.course_id, Module.title, Module.description, Module.position, Module.version
    )


def lesson_rows() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Lesson.id,
            Lesson.course_id,
            Lesson.module_id,
            Lesson.title,
            Lesson.kind,
            Lesson.position,
            Lesson.is_preview,
            _IS_OPEN,
            Lesson.version,
            Lesson.required_share,
            Module.position.label("module_position"),
            VideoMetadata.id.label("video_id"),
            VideoMetadata.duration_ms,
        )
        .join(Module, Module.id == Lesson.module_id)
        .outerjoin(VideoMetadata, VideoMetadata.lesson_id == Lesson.id)
    )


_VIDEO_FILES = compiled(
    select(VideoMetadata.id, VideoMetadata.manifest_key, VideoMetadata.captions).where(
        VideoMetadata.id == any_(KEYS)
    )
)
_MODULES_BY_ID = compiled(
    _module_rows().join(Course, Course.id == Module.course_id).where(Module.id == any_(KEYS), visible())
)
_MODULES_OF_COURSES = compiled(
    _module_rows().where(Module.course_id == any_(KEYS)).order_by(Module.course_id, Module.position)
)
_LESSONS_BY_ID = compiled(
    lesson_rows().join(Course, Course.id == Lesson.course_id).where(Lesson.id == any_(KEYS), visible())
)


async def video_files(connection: Fetch, keys: Sequence[int]) -> list[Record]:
    """(id, manifest_key, captions): where files lie. Whether somebody may watch them is another question."""
    return await connection.fetch(_VIDEO_FILES, keys=keys)


async def modules_by_id(connection: Fetch, keys: Sequence[int], actor: Actor) -> list[Record]:
    """Modules of courses that the actor may see."""
    return await connection.fetch(_MODULES_BY_ID, keys=keys, **actor_values(actor))


async def modules_of_courses(connection: Fetch, keys: Sequence[int]) -> list[Record]:
    """All modules of each course (at most 100 by rule), in order."""
    return await connection.fetch(_MODULES_OF_COURSES, keys=keys)


async def lessons_by_id(connection: Fetch, keys: Sequence[int], actor: Actor) -> list[Record]:
    """Lessons of courses that the actor may see."""
    return await connection.fetch(_LESSONS_BY_ID, keys=keys, **actor_values(actor))


# A position is no stable key: an insertion before the cursor moves every row behind it. So the cursor's lesson is
# looked up where it stands now. Where it is gone, its successor has moved up into its place, hence the `- 1`.
# Moved into another module is gone from its own; where the module is gone, the next one has moved up.
_BEHIND_IN_COURSE = """
    AND (module.position, lesson.position) > (
        coalesce((SELECT m.position FROM modules m WHERE m.id = :after_module), CAST(:after_module_position AS bigint)),
        CASE WHEN EXISTS (SELECT FROM modules m WHERE m.id = :after_module)
             THEN coalesce((SELECT l.position FROM lessons l WHERE l.id = :after_id AND l.module_id = :after_module),
                           CAST(:after_position AS bigint) - 1)
             ELSE 0 END)
"""
_BEHIND_IN_MODULE = """
    AND lesson.position > coalesce(
        (SELECT l.position FROM lessons l WHERE l.id = :after_id AND l.module_id = parent.id),
        CAST(:after_position AS bigint) - 1)
"""


def _lessons_page(parent: str, behind: str = "") -> Query:
    return compiled(
        text(f"""
        SELECT page.* FROM unnest(CAST(:keys AS bigint[])) AS parent (id)
        CROSS JOIN LATERAL (
            SELECT lesson.id, lesson.course_id, lesson.module_id, lesson.title, lesson.kind, lesson.position,
                   lesson.is_preview, lesson.is_preview AND (
                       SELECT c.status <> 'draft' FROM courses AS c WHERE c.id = lesson.course_id) AS is_open,
                   lesson.version, lesson.required_share, module.position AS module_position,
                   video.id AS video_id, video.duration_ms
            FROM modules AS module
            JOIN lessons AS lesson ON lesson.module_id = module.id
            LEFT JOIN video_metadata AS video ON video.lesson_id = lesson.id
            WHERE {parent} = parent.id {behind}
            ORDER BY module.position, lesson.position, lesson.id
            LIMIT CAST(:first AS integer)
        ) AS page
        """)  # noqa: S608 - only constants of this file are put together
    )


_LESSONS_OF_COURSES = _lessons_page("module.course_id")
_LESSONS_OF_COURSES_BEHIND = _lessons_page("module.course_id", _BEHIND_IN_COURSE)
_LESSONS_OF_MODULES = _lessons_page("module.id")
_LESSONS_OF_MODULES_BEHIND = _lessons_page("module.id", _BEHIND_IN_MODULE)


async def lessons_of_courses(
    connection: Fetch, keys: Sequence[int], first: int, after: tuple[int, int, int, int] | None
) -> list[Record]:
    """Up to `first` lessons of each course, in the order of its modules; `after` holds the values of LESSON_CURSOR."""
    if after is None:
        return await connection.fetch(_LESSONS_OF_COURSES, keys=keys, first=first)
    module, module_position, position, lesson = after
    return await connection.fetch(
        _LESSONS_OF_COURSES_BEHIND,
        keys=keys,
        first=first,
        after_module=module,
        after_module_position=module_position,
        after_position=position,
        after_id=lesson,
    )


async def lessons_of_modules(
    connection: Fetch, keys: Sequence[int], first: int, after: tuple[int, int, int, int] | None
) -> list[Record]:
    """Up to `first` lessons of each module, in order."""
    if after is None:
        return await connection.fetch(_LESSONS_OF_MODULES, keys=keys, first=first)
    _, _, position, lesson = after
    return await connection.fetch(
        _LESSONS_OF_MODULES_BEHIND, keys=keys, first=first, after_position=position, after_id=lesson
    )
