"""Lessons and courses that become completed, whatever the reason: counted once, whoever says it again or at once."""

from collections.abc import Sequence

from app.database import Query, Transaction
from app.learning.models import EnrollmentEventKind
from app.learning.service.events import Happened, count_after, record_events
from app.learning.service.seats import LESSONS_DONE
from app.outbox import Outbox

# In ascending order, as everybody locks them. A statement of its own: the next one sees what others have committed while we
# waited, also a recomputing that swept a lesson which has gone.
_LOCK = Query(
    "SELECT e.user_id FROM enrollments e"
    " JOIN (SELECT DISTINCT user_id, course_id FROM unnest($1::bigint[], $2::bigint[]) AS t (user_id, course_id)) AS a"
    " USING (user_id, course_id) ORDER BY e.user_id, e.course_id FOR NO KEY UPDATE OF e",
    ("user_ids", "course_ids"),
    {},
)
# For whoever has, or had, an enrolment: what was done before a withdrawal counts again when they come back.
_MARK = Query(
    """
WITH asked AS (
    SELECT DISTINCT a.user_id, a.lesson_id, l.course_id
    FROM unnest($1::bigint[], $2::bigint[]) AS a (user_id, lesson_id)
    JOIN lessons l ON l.id = a.lesson_id
    JOIN enrollments e ON e.user_id = a.user_id AND e.course_id = l.course_id
), marked AS (
    INSERT INTO lesson_progress AS p (user_id, lesson_id, course_id, opened_at, completed_at)
    SELECT user_id, lesson_id, course_id, now(), now() FROM asked ORDER BY user_id, lesson_id
    ON CONFLICT (user_id, lesson_id) DO UPDATE
        SET completed_at = now(), opened_at = coalesce(p.opened_at, excluded.opened_at), course_id = excluded.course_id
        WHERE p.completed_at IS NULL
    RETURNING user_id, course_id
), counted AS (
    UPDATE enrollments e SET lessons_completed = e.lessons_completed + m.number
    FROM (SELECT user_id, course_id, count(*) AS number FROM marked GROUP BY 1, 2) AS m
    WHERE e.user_id = m.user_id AND e.course_id = m.course_id
)
SELECT count(*) AS number FROM marked
""",
    ("user_ids", "lesson_ids"),
    {},
)
# The running count alone may be too high for a moment, while a removed lesson is still in it: who is there by it is
# counted anew. Nobody's completion is taken away, so nobody's may come too early.
_COMPLETE = Query(
    f"""
UPDATE enrollments e SET state = 'completed', completed_at = coalesce(e.completed_at, now())
FROM (SELECT DISTINCT user_id, course_id FROM unnest($1::bigint[], $2::bigint[]) AS t (user_id, course_id)) AS a
JOIN course_stats s ON s.course_id = a.course_id
WHERE e.user_id = a.user_id AND e.course_id = a.course_id AND e.state = 'active'
    AND s.lesson_count > 0 AND e.lessons_completed >= s.lesson_count AND {LESSONS_DONE} >= s.lesson_count
RETURNING e.user_id, e.course_id, e.generation, e.completed_at, e.source
""",  # noqa: S608
    ("user_ids", "course_ids"),
    {},
)


async def complete_lessons(
    tx: Transaction,
    outbox: Outbox,
    *,
    user_ids: Sequence[int],
    lesson_ids: Sequence[int],
    course_ids: Sequence[int],
) -> int:
    """Of lists of one length: who has completed which lesson of which course. Returns how many were not completed before.

    Counts them in the enrolments, completes courses of which all lessons are done. A few statements, however many.
    """
    if not user_ids:
        return 0
    await tx.fetch(_LOCK, user_ids=user_ids, course_ids=course_ids)
    marked = await mark_lessons(tx, user_ids=user_ids, lesson_ids=lesson_ids)
    count_after(tx, outbox.metrics.lessons_completed, marked)
    if marked:
        await complete_courses(tx, outbox, user_ids=user_ids, course_ids=course_ids)
    return marked


async def mark_lessons(tx: Transaction, *, user_ids: Sequence[int], lesson_ids: Sequence[int]) -> int:
    """Marks and counts lessons, under the enrolments' locks. Returns how many were not completed before."""
    (marked,) = await tx.fetch(_MARK, user_ids=user_ids, lesson_ids=lesson_ids)
    return int(marked["number"])


async def complete_courses(
    tx: Transaction, outbox: Outbox, *, user_ids: Sequence[int], course_ids: Sequence[int]
) -> int:
    """Of lists of one length: completes the active enrolments whose course has no lesson left. Returns how many."""
    if not user_ids:
        return 0
    rows = await tx.fetch(_COMPLETE, user_ids=user_ids, course_ids=course_ids)
    events = [
        Happened(
            EnrollmentEventKind.COMPLETED,
            row["user_id"],
            row["course_id"],
            row["generation"],
            row["completed_at"],
            row["source"],
        )
        for row in rows
    ]
    await record_events(tx, outbox, events)
    count_after(tx, outbox.metrics.courses_completed, len(rows))
    return len(rows)
