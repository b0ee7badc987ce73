"""The line for a seat: who is next, and when waiting ends. Callers hold the lock of the course's seats."""

from collections.abc import Sequence

from asyncpg import Record

from app.database import Query, Transaction
from app.learning.models import EnrollmentEventKind
from app.learning.reads.waitlist import LONGEST_WAIT
from app.learning.service.completion import complete_courses
from app.learning.service.events import Happened, count_after, record_events
from app.learning.service.seats import LESSONS_DONE, lock_seats
from app.notifications.kinds import NotificationKind
from app.notifications.service import Notifier, notify

CHUNK = 500
"""Of one transaction, which keeps the course's seats locked meanwhile; the clock goes on with the others."""

# A course that has closed, or is not published, gives no seats away. Enrolments are locked in the order of their learners,
# as everybody locks them; an array, which is the same when a row is looked at again that had to be waited for.
_PROMOTE = Query(
    f"""
WITH seats AS MATERIALIZED (
    SELECT clock_timestamp() AS at,
           CASE WHEN p.capacity IS NULL THEN p.waitlist_count ELSE p.capacity - s.enrollment_count END AS free
    FROM enrollment_policies p
    JOIN course_stats s ON s.course_id = p.course_id
    JOIN courses c ON c.id = p.course_id
    WHERE p.course_id = $1 AND p.waitlist_count > 0 AND c.status = 'published'
      AND (p.closes_at IS NULL OR p.closes_at > now())
), next AS MATERIALIZED (
    SELECT e.user_id FROM enrollments e WHERE e.course_id = $1 AND e.user_id = ANY(ARRAY(
        SELECT f.user_id FROM enrollments f WHERE f.course_id = $1 AND f.state = 'waitlisted'
        ORDER BY f.waitlist_number LIMIT coalesce((SELECT least(greatest(free, 0), $2::int) FROM seats), 0)))
    ORDER BY e.user_id FOR NO KEY UPDATE
), promoted AS (
    UPDATE enrollments e
    SET state = CASE WHEN e.completed_at IS NULL THEN 'active' ELSE 'completed' END,
        waitlist_number = NULL, enrolled_at = seats.at, lessons_completed = {LESSONS_DONE}
    FROM next n, seats
    WHERE e.user_id = n.user_id AND e.course_id = $1 AND e.state = 'waitlisted'
    RETURNING e.user_id, e.course_id, e.generation, e.enrolled_at AS at
), counted AS (
    UPDATE course_stats SET enrollment_count = enrollment_count + (SELECT count(*) FROM promoted)
    WHERE course_id = $1 AND EXISTS (SELECT FROM promoted)
), unqueued AS (
    UPDATE enrollment_policies SET waitlist_count = waitlist_count - (SELECT count(*) FROM promoted)
    WHERE course_id = $1 AND EXISTS (SELECT FROM promoted)
)
SELECT p.*, c.title FROM promoted p JOIN courses c ON c.id = p.course_id
""",  # noqa: S608
    ("course_id", "at_most"),
    {},
)
_END = Query(
    """
WITH ending AS MATERIALIZED (
    SELECT e.user_id FROM enrollments e WHERE e.course_id = $1 AND e.user_id = ANY(ARRAY(
        SELECT f.user_id FROM enrollments f
        WHERE f.course_id = $1 AND f.state = 'waitlisted' AND ($3 OR f.created_at < now() - $4::interval)
        ORDER BY f.waitlist_number LIMIT $2::int))
    ORDER BY e.user_id FOR NO KEY UPDATE
), ended AS (
    UPDATE enrollments e SET state = 'withdrawn', withdrawn_at = clock_timestamp(), waitlist_number = NULL
    FROM ending n WHERE e.user_id = n.user_id AND e.course_id = $1 AND e.state = 'waitlisted'
    RETURNING e.user_id, e.course_id, e.generation, e.withdrawn_at AS at
), unqueued AS (
    UPDATE enrollment_policies SET waitlist_count = waitlist_count - (SELECT count(*) FROM ended)
    WHERE course_id = $1 AND EXISTS (SELECT FROM ended)
)
SELECT e.*, c.title FROM ended e JOIN courses c ON c.id = e.course_id
""",
    ("course_id", "at_most", "all", "longest_wait"),
    {"longest_wait": LONGEST_WAIT},
)


async def promote(tx: Transaction, notifier: Notifier, course_id: int, *, at_most: int = CHUNK) -> int:
    """Gives free seats to those who wait, in order, and tells them. Returns how many got one."""
    rows = await tx.fetch(_PROMOTE, course_id=course_id, at_most=at_most)
    if rows:
        await record_events(tx, notifier.outbox, _events(EnrollmentEventKind.ENROLLED, rows))
        await _tell(tx, notifier, NotificationKind.WAITLIST_PROMOTED, rows)
        returned = [row["user_id"] for row in rows if row["generation"] > 1]
        # Nothing of it may be left that they had not done before.
        await complete_courses(tx, notifier.outbox, user_ids=returned, course_ids=[course_id] * len(returned))
    count_after(tx, notifier.metrics.waitlist_promotions, len(rows))
    return len(rows)


async def tend(tx: Transaction, notifier: Notifier, course_id: int, *, closed: bool) -> int:
    """One step of the clock's: ends the waiting of all where the course has closed, elsewhere of who has waited too long;
    where there is none such, gives free seats away: a transaction tells people once. Returns how many wait no longer; 0
    when there is nothing left to do.
    """
    await lock_seats(tx, course_id)
    rows = await tx.fetch(_END, course_id=course_id, at_most=CHUNK, all=closed)
    if rows:
        await record_events(tx, notifier.outbox, _events(EnrollmentEventKind.WITHDRAWN, rows))
        await _tell(tx, notifier, NotificationKind.WAITLIST_ENDED, rows)
        count_after(tx, notifier.metrics.enrollments.labels("waiting_ended"), len(rows))
        return len(rows)
    return await promote(tx, notifier, course_id)


def _events(kind: EnrollmentEventKind, rows: Sequence[Record]) -> list[Happened]:
    return [Happened(kind, row["user_id"], row["course_id"], row["generation"], row["at"]) for row in rows]


async def _tell(tx: Transaction, notifier: Notifier, kind: NotificationKind, rows: Sequence[Record]) -> None:
    course_id, title, at = rows[0]["course_id"], rows[0]["title"], rows[0]["at"]
    await notify(
        tx,
        notifier,
        kind=kind,
        recipients=[row["user_id"] for row in rows],
        # The moment tells one time in the line from the next.
        key=f"{kind}:{course_id}:{at.isoformat()}",
        payload={"course_id": course_id, "course_title": title},
    )
