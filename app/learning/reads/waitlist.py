"""Who waits for a seat: their places, and the courses whose line is to be looked after."""

from collections.abc import Sequence
from datetime import timedelta

from asyncpg import Record

from app.database import Fetch, Query

LONGEST_WAIT = timedelta(days=365)
"""Then it ends: nobody waits for ever for a course that never closes."""

_PLACES = Query(
    "SELECT ROW(c.course_id, w.waitlist_number) AS place, w.position FROM ("
    "SELECT course_id, max(number) AS last, array_agg(number) AS numbers"
    " FROM unnest($1::bigint[], $2::bigint[]) AS k (course_id, number) GROUP BY course_id) AS c"
    " CROSS JOIN LATERAL (SELECT e.waitlist_number, row_number() OVER (ORDER BY e.waitlist_number) AS position"
    " FROM enrollments e WHERE e.course_id = c.course_id AND e.state = 'waitlisted' AND e.waitlist_number <= c.last) AS w"
    " WHERE w.waitlist_number = ANY(c.numbers)",
    ("course_ids", "numbers"),
    {},
)
# The first of a line has waited longest: numbers are given in the order of joining it.
_TO_TEND = Query(
    """
SELECT p.course_id, (p.closes_at <= now() OR c.status = 'archived') IS TRUE AS closed
FROM enrollment_policies p
JOIN courses c ON c.id = p.course_id
JOIN course_stats s ON s.course_id = p.course_id
CROSS JOIN LATERAL (SELECT e.created_at FROM enrollments e WHERE e.course_id = p.course_id AND e.state = 'waitlisted'
                    ORDER BY e.waitlist_number LIMIT 1) AS first
WHERE p.waitlist_count > 0 AND (
    p.closes_at <= now() OR c.status = 'archived' OR first.created_at < now() - $1::interval
    OR c.status = 'published' AND (p.capacity IS NULL OR s.enrollment_count < p.capacity))
""",
    ("longest_wait",),
    {"longest_wait": LONGEST_WAIT},
)


async def waitlist_places(connection: Fetch, keys: Sequence[tuple[int, int]]) -> list[Record]:
    """Of (course, waitlist_number): `place`, the key, and `position`, how many wait up to and with it.

    Counts a course's line once, however many of it are asked for.
    """
    return await connection.fetch(
        _PLACES, course_ids=[course for course, _ in keys], numbers=[number for _, number in keys]
    )


async def waitlists_to_tend(connection: Fetch) -> list[Record]:
    """(course_id, closed) where somebody waits who need not: it has closed, has a free seat, or they waited too long."""
    return await connection.fetch(_TO_TEND)
