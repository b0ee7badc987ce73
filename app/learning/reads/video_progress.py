"""How far people are in videos, as PostgreSQL knows it: what waits in the buffer is not in it."""

from collections.abc import Sequence

from asyncpg import Record
from sqlalchemy import text

from app.database import Fetch, compiled
from app.identity.actor import Actor

_PROGRESS = compiled(
    text("""
    SELECT asked.user_id, asked.video_id, lesson.id AS lesson_id, lesson.course_id, video.duration_ms,
           progress.position_ms, progress.position_at, progress.position_sequence, progress.watched,
           progress.completed_at
    FROM unnest(CAST(:users AS bigint[]), CAST(:videos AS bigint[])) AS asked (user_id, video_id)
    JOIN video_metadata AS video ON video.id = asked.video_id
    JOIN lessons AS lesson ON lesson.id = video.lesson_id
    LEFT JOIN video_progress AS progress
        ON progress.user_id = asked.user_id AND progress.video_id = asked.video_id
    WHERE asked.user_id = :actor OR :is_admin OR EXISTS (
        SELECT FROM course_instructors AS teaching
        WHERE teaching.course_id = lesson.course_id AND teaching.user_id = :actor)
    """)
)


async def video_progress_of(connection: Fetch, keys: Sequence[tuple[int, int]], actor: Actor) -> list[Record]:
    """Of pairs of a user and a video, for themselves, the course's instructors and administrators; nulls where there is none."""
    return await connection.fetch(
        _PROGRESS,
        users=[user for user, _ in keys],
        videos=[video for _, video in keys],
        actor=actor.user_id,
        is_admin=actor.is_admin,
    )
