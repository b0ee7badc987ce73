"""What is to be known to take somebody's progress."""

from collections.abc import Sequence

from asyncpg import Record
from sqlalchemy import ARRAY, BigInteger, any_, bindparam, select, text

from app.catalog.models import Course, CourseStatus, Lesson, VideoMetadata
from app.database import Fetch, compiled

_KEYS = bindparam("keys", type_=ARRAY(BigInteger))
_VIDEOS = compiled(
    select(
        VideoMetadata.id,
        VideoMetadata.duration_ms,
        Lesson.course_id,
        (Course.status == CourseStatus.DRAFT).label("draft"),
    )
    .join(Lesson, Lesson.id == VideoMetadata.lesson_id)
    .join(Course, Course.id == Lesson.course_id)
    .where(VideoMetadata.id == any_(_KEYS))
)
_RECORDED = compiled(
    text("""
    SELECT enrollment.user_id, enrollment.course_id
    FROM unnest(CAST(:users AS bigint[]), CAST(:courses AS bigint[])) AS asked (user_id, course_id)
    JOIN enrollments AS enrollment USING (user_id, course_id)
    WHERE enrollment.state IN ('active', 'completed')
    """)
)


async def videos_to_record(connection: Fetch, keys: Sequence[int]) -> list[Record]:
    """Length and course of each video, and whether that is a draft."""
    return await connection.fetch(_VIDEOS, keys=keys)


async def recorded_learners(connection: Fetch, keys: Sequence[tuple[int, int]]) -> list[Record]:
    """Of pairs of a user and a course those whose progress counts: active ones, and who has completed it."""
    return await connection.fetch(
        _RECORDED, users=[user for user, _ in keys], courses=[course for _, course in keys]
    )
