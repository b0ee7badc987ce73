"""Cohorts and their members: for those who manage the course."""

from collections.abc import Sequence

from asyncpg import Record

from app.database import Fetch, Query
from app.identity.actor import Actor
from app.learning.reads.managing import manager_values

MEMBER_CURSOR: dict[str, type] = {"user_id": int}

_BY_ID = Query(
    "SELECT c.id, c.course_id, c.name FROM cohorts c WHERE c.id = ANY($1::bigint[]) AND ($2 OR EXISTS ("
    "SELECT FROM course_instructors i WHERE i.course_id = c.course_id AND i.user_id = $3))",
    ("keys", "sees_all", "teacher"),
    {},
)
_OF_COURSES = Query(
    "SELECT id, course_id, name FROM cohorts WHERE course_id = ANY($1::bigint[]) ORDER BY course_id, name",
    ("keys",),
    {},
)
_COUNTS = Query(
    "SELECT k.id AS cohort_id, (SELECT count(*) FROM cohort_members m WHERE m.cohort_id = k.id) AS members"
    " FROM unnest($1::bigint[]) AS k (id)",
    ("keys",),
    {},
)
# Behind 0 is the first page: no account has that id.
_MEMBERS = Query(
    "SELECT page.* FROM unnest($1::bigint[]) AS k (id) CROSS JOIN LATERAL ("
    "SELECT m.cohort_id, m.user_id, m.added_at FROM cohort_members m WHERE m.cohort_id = k.id AND m.user_id > $3"
    " ORDER BY m.user_id LIMIT $2::int) AS page ORDER BY page.cohort_id, page.user_id",
    ("keys", "first", "after"),
    {},
)


async def cohorts_by_id(connection: Fetch, keys: Sequence[int], actor: Actor) -> list[Record]:
    """(id, course_id, name) of those that the actor may see."""
    if not actor.may_teach:
        return []
    return await connection.fetch(_BY_ID, keys=keys, **manager_values(actor))


async def cohorts_of_courses(connection: Fetch, keys: Sequence[int]) -> list[Record]:
    """All of each course (at most 100 by rule), by name. For whoever manages the courses: ask `managed_courses` first."""
    return await connection.fetch(_OF_COURSES, keys=keys)


async def member_counts_of_cohorts(connection: Fetch, keys: Sequence[int]) -> list[Record]:
    """(cohort_id, members), counted."""
    return await connection.fetch(_COUNTS, keys=keys)


async def members_of_cohorts(
    connection: Fetch, keys: Sequence[int], first: int, after: tuple[int] | None
) -> list[Record]:
    """Up to `first` members of each, (cohort_id, user_id, added_at), in the order of their accounts."""
    return await connection.fetch(_MEMBERS, keys=keys, first=first, after=0 if after is None else after[0])
