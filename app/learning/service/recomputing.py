"""Progress, counted anew after a course has changed: in chunks of learners, each a transaction, each safe to repeat.

Nothing that was completed is taken away. Whoever changes an enrolment meanwhile waits for its chunk, or is in the next
count: both lock the enrolment before what is counted in it. Videos' progress comes even before that, as whoever flushes
locks it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asyncpg import Record

from app.database import Query, Transaction
from app.learning.completion_rules import GRACE
from app.learning.service.completion import complete_courses, mark_lessons
from app.learning.service.events import count_after
from app.outbox import Outbox

CHUNK = 2_000
"""Learners of a transaction: some hundred milliseconds in which they wait to complete something."""

Place = tuple[datetime, int]
"""Of an enrolment among those of its course: created_at and user_id."""

BEGINNING: Place = (datetime.min.replace(tzinfo=UTC), 0)

_IS_LATEST = Query(
    "SELECT outline_version = $2 AS latest, EXISTS (SELECT FROM enrollments e WHERE e.course_id = s.course_id) AS learnt"
    " FROM course_stats s WHERE s.course_id = $1",
    ("course_id", "version"),
    {},
)
_COUNT = Query("SELECT enrollment_count FROM course_stats WHERE course_id = $1", ("course_id",), {})
_CHUNK = Query(
    "SELECT created_at, user_id FROM enrollments WHERE course_id = $1 AND (created_at, user_id) > ($2, $3)"
    " ORDER BY created_at, user_id LIMIT $4",
    ("course_id", "created_at", "user_id", "rows"),
    {},
)
# What is to be swept, or noted as watched enough: a rule that wants less than it did, a video that is shorter than it was.
# What viewers report from now on is noted by who writes it.
_LOCK_VIDEOS = Query(
    "SELECT p.user_id, p.video_id, v.id IS NULL AS gone FROM video_progress p"  # noqa: S608 - a number of ours
    " LEFT JOIN video_metadata v ON v.id = p.video_id LEFT JOIN lessons l ON l.id = v.lesson_id"
    " WHERE p.user_id = ANY($1::bigint[]) AND p.course_id = $2 AND (v.id IS NULL"
    f" OR p.completed_at IS NULL AND p.watched_ms + {GRACE} >= l.required_share * v.duration_ms)"
    " ORDER BY p.user_id, p.video_id FOR UPDATE OF p",
    ("user_ids", "course_id"),
    {},
)
_LOCK = Query(
    "SELECT user_id FROM enrollments WHERE user_id = ANY($1::bigint[]) AND course_id = $2"
    " AND state IN ('active', 'completed') ORDER BY user_id FOR NO KEY UPDATE",
    ("user_ids", "course_id"),
    {},
)
_SWEEP_LESSONS = Query(
    "DELETE FROM lesson_progress p WHERE p.user_id = ANY($1::bigint[]) AND p.course_id = $2"
    " AND NOT EXISTS (SELECT FROM lessons l WHERE l.id = p.lesson_id)",
    ("user_ids", "course_id"),
    {},
)
_SWEEP_VIDEOS = Query(
    "DELETE FROM video_progress p USING unnest($1::bigint[], $2::bigint[]) AS gone (user_id, video_id)"
    " WHERE p.user_id = gone.user_id AND p.video_id = gone.video_id AND p.user_id = ANY($1)",
    ("user_ids", "video_ids"),
    {},
)
_NOTE_VIDEOS = Query(
    "UPDATE video_progress p SET completed_at = now() FROM unnest($1::bigint[], $2::bigint[]) AS enough (user_id, video_id)"
    " WHERE p.user_id = enough.user_id AND p.video_id = enough.video_id AND p.user_id = ANY($1)",
    ("user_ids", "video_ids"),
    {},
)
_WATCHED_ENOUGH = Query(
    f"""
WITH enough AS (
    SELECT p.user_id, l.id AS lesson_id
    FROM lessons l JOIN video_metadata v ON v.lesson_id = l.id JOIN video_progress p ON p.video_id = v.id
    WHERE l.course_id = $2 AND p.user_id = ANY($1::bigint[])
      AND p.watched_ms + {GRACE} >= l.required_share * v.duration_ms
)
SELECT e.user_id, e.lesson_id FROM enough e WHERE NOT EXISTS (
    SELECT FROM lesson_progress d WHERE d.user_id = e.user_id AND d.lesson_id = e.lesson_id AND d.completed_at IS NOT NULL)
""",  # noqa: S608
    ("user_ids", "course_id"),
    {},
)
_RECOUNT = Query(
    """
UPDATE enrollments e SET lessons_completed = counted.number
FROM (
    SELECT k.user_id, count(l.id) AS number
    FROM unnest($1::bigint[]) AS k (user_id)
    LEFT JOIN lesson_progress p ON p.user_id = k.user_id AND p.course_id = $2 AND p.completed_at IS NOT NULL
    LEFT JOIN lessons l ON l.id = p.lesson_id AND l.course_id = $2
    GROUP BY k.user_id
) AS counted
WHERE e.user_id = counted.user_id AND e.user_id = ANY($1::bigint[]) AND e.course_id = $2
  AND e.lessons_completed <> counted.number
RETURNING e.user_id
""",
    ("user_ids", "course_id"),
    {},
)


@dataclass(slots=True)
class Recount:
    """What a recomputing has found so far."""

    enrollments: int = 0
    corrected: int = 0
    """Whose count of completed lessons was another."""
    lessons_completed: int = 0
    courses_completed: int = 0


async def is_worthwhile(tx: Transaction, course_id: int, version: int) -> bool:
    """Whether the course has learners, and this is its latest change: a later one asks for itself."""
    row = await tx.fetch_one(_IS_LATEST, course_id=course_id, version=version)
    return row is not None and bool(row["latest"]) and bool(row["learnt"])


async def learners_to_recount(tx: Transaction, course_id: int) -> int:
    """How many it will be, or about so many."""
    row = await tx.fetch_one(_COUNT, course_id=course_id)
    return 0 if row is None else int(row["enrollment_count"])


async def recount_chunk(
    tx: Transaction, outbox: Outbox, *, course_id: int, after: Place, found: Recount, rows: int = CHUNK
) -> Place | None:
    """The next `rows` learners of the course behind `after`, added to `found`. Returns where it ended, or None."""
    chunk = await tx.fetch(_CHUNK, course_id=course_id, created_at=after[0], user_id=after[1], rows=rows)
    if not chunk:
        return None
    these = {"user_ids": [row["user_id"] for row in chunk], "course_id": course_id}
    videos = await tx.fetch(_LOCK_VIDEOS, **these)
    user_ids = {row["user_id"] for row in await tx.fetch(_LOCK, **these)}
    if user_ids:
        await _settle_videos(tx, [row for row in videos if row["user_id"] in user_ids])
        await _recount(tx, outbox, sorted(user_ids), course_id, found)
    return chunk[-1]["created_at"], chunk[-1]["user_id"]


async def _settle_videos(tx: Transaction, locked: Sequence[Record]) -> None:
    for statement, gone in ((_SWEEP_VIDEOS, True), (_NOTE_VIDEOS, False)):
        rows = [row for row in locked if row["gone"] is gone]
        if rows:
            user_ids, video_ids = [row["user_id"] for row in rows], [row["video_id"] for row in rows]
            await tx.fetch(statement, user_ids=user_ids, video_ids=video_ids)


async def _recount(
    tx: Transaction, outbox: Outbox, user_ids: Sequence[int], course_id: int, found: Recount
) -> None:
    values = {"user_ids": user_ids, "course_id": course_id}
    await tx.fetch(_SWEEP_LESSONS, **values)
    enough = await tx.fetch(_WATCHED_ENOUGH, **values)
    if enough:
        marked = await mark_lessons(
            tx,
            user_ids=[row["user_id"] for row in enough],
            lesson_ids=[row["lesson_id"] for row in enough],
        )
        count_after(tx, outbox.metrics.lessons_completed, marked)
        found.lessons_completed += marked
    found.corrected += len(await tx.fetch(_RECOUNT, **values))
    found.courses_completed += await complete_courses(
        tx, outbox, user_ids=user_ids, course_ids=[course_id] * len(user_ids)
    )
    found.enrollments += len(user_ids)
