"""A course's rules for enrolling, and all that somebody meets who wants to enrol."""

from collections.abc import Sequence

from asyncpg import Record
from sqlalchemy import BigInteger, any_, bindparam, exists, literal_column

from app.catalog.models import Course
from app.catalog.reads.courses import KEYS, actor_values, course_rows, visible
from app.database import Fetch, Query, compiled
from app.identity.actor import Actor
from app.learning.models import CoursePrerequisite, Enrollment

_RULES = "p.capacity, p.opens_at, p.closes_at, coalesce(p.invitation_only, false) AS invitation_only"
# Also of courses without a row: they are open to everybody.
_POLICIES = Query(
    f"SELECT k.id AS course_id, {_RULES}, coalesce(p.waitlist_count, 0) AS waitlist_count"  # noqa: S608
    " FROM unnest($1::bigint[]) AS k (id) LEFT JOIN enrollment_policies p ON p.course_id = k.id",
    ("keys",),
    {},
)
_REQUIRED = (
    course_rows()
    .add_columns(CoursePrerequisite.course_id.label("for_course_id"))
    .join(CoursePrerequisite, CoursePrerequisite.required_course_id == Course.id)
    .where(CoursePrerequisite.course_id == any_(KEYS))
    .order_by(CoursePrerequisite.course_id, CoursePrerequisite.required_course_id)
)
_PREREQUISITES = compiled(_REQUIRED.where(visible()))
# A prerequisite that is a draft is asked of nobody: they could not find it. What was completed once counts for ever, also
# after a withdrawal.
_MISSING = compiled(
    _REQUIRED.where(
        Course.status != literal_column("'draft'"),
        ~exists().where(
            Enrollment.user_id == bindparam("viewer", type_=BigInteger),
            Enrollment.course_id == CoursePrerequisite.required_course_id,
            Enrollment.completed_at.is_not(None),
        ),
    )
)
_TERMS = Query(
    f"""
SELECT c.id, c.status, {_RULES}, p.opens_at > now() AS too_early, p.closes_at <= now() AS too_late,
    ARRAY(SELECT r.title FROM course_prerequisites q JOIN courses r ON r.id = q.required_course_id
          WHERE q.course_id = c.id AND r.status <> 'draft' AND NOT EXISTS (
              SELECT FROM enrollments d
              WHERE d.user_id = $2 AND d.course_id = q.required_course_id AND d.completed_at IS NOT NULL)
          ORDER BY q.required_course_id) AS missing,
    EXISTS (SELECT FROM users u JOIN invitations v ON v.email_key = u.email_key AND v.course_id = c.id
            WHERE u.id = $2 AND u.email_verified_at IS NOT NULL AND v.expires_at > now()) AS invited,
    (SELECT e.state FROM enrollments e WHERE e.user_id = $2 AND e.course_id = c.id) AS state
FROM courses c LEFT JOIN enrollment_policies p ON p.course_id = c.id
WHERE c.id = $1 AND (c.status <> 'draft' OR $3 OR EXISTS (
    SELECT FROM course_instructors i WHERE i.course_id = c.id AND i.user_id = $2))
""",  # noqa: S608
    ("course_id", "viewer", "sees_all"),
    {},
)


async def enrollment_policies(connection: Fetch, keys: Sequence[int]) -> list[Record]:
    """A row for every course, with how many wait."""
    return await connection.fetch(_POLICIES, keys=keys)


async def prerequisites_of_courses(connection: Fetch, keys: Sequence[int], actor: Actor) -> list[Record]:
    """Rows of courses with for_course_id, at most 20 each by rule: those that the actor may see."""
    return await connection.fetch(_PREREQUISITES, keys=keys, **actor_values(actor))


async def missing_prerequisites(connection: Fetch, keys: Sequence[int], actor: Actor) -> list[Record]:
    """The same, but those that the actor would have to complete first."""
    return await connection.fetch(_MISSING, keys=keys, viewer=actor.user_id or 0)


async def enrollment_terms(connection: Fetch, course_id: int, actor: Actor) -> Record | None:
    """All that enrolling depends on but the seats, in one look; None for a course that the actor may not see.

    `missing`: titles of the prerequisites to be completed first. `state`: of their own enrolment, if there is one.
    """
    rows = await connection.fetch(_TERMS, course_id=course_id, **actor_values(actor))
    return rows[0] if rows else None
