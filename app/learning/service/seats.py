"""The lock under which a course's seats are counted and given away."""

from collections.abc import Sequence

from app.database import Query, Transaction

# Only those who change the sums of the same course wait for each other; rows that refer to it need not.
_LOCK = Query("SELECT course_id FROM course_stats WHERE course_id = $1 FOR NO KEY UPDATE", ("course_id",), {})
_LOCK_SEVERAL = Query(
    "SELECT course_id FROM course_stats WHERE course_id = ANY($1::bigint[]) ORDER BY course_id FOR NO KEY UPDATE",
    ("course_ids",),
    {},
)
LESSONS_DONE = (
    "(SELECT count(*) FROM lesson_progress p JOIN lessons l ON l.id = p.lesson_id"
    " WHERE p.user_id = e.user_id AND l.course_id = e.course_id AND p.completed_at IS NOT NULL)"
)
"""In a statement about `enrollments e`: counted anew where somebody comes back, as the course may have changed meanwhile."""


async def lock_seats(tx: Transaction, course_id: int) -> bool:
    """Whoever holds it alone knows how many seats are taken and who is next, until the transaction ends: take it late.

    What is read under it is read by statements that begin after it. False for a course that is not there.
    """
    return bool(await tx.fetch(_LOCK, course_id=course_id))


async def lock_seats_of(tx: Transaction, course_ids: Sequence[int]) -> None:
    """Of several courses, for whoever holds these courses' own locks: in ascending order, before anything else of them."""
    await tx.fetch(_LOCK_SEVERAL, course_ids=course_ids)
