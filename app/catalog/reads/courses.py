"""Courses by their keys, and who teaches them."""

from collections.abc import Sequence
from typing import Any

from asyncpg import Record
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Text,
    any_,
    bindparam,
    exists,
    literal_column,
    or_,
    select,
)

from app.catalog.models import Course, CourseInstructor, CourseStats, CourseStatus
from app.database import Fetch, compiled
from app.identity.actor import Actor

KEYS = bindparam("keys", type_=ARRAY(BigInteger))

# Written into the text: a generic plan does not see that a parameter's value fits a partial index.
PUBLISHED = Course.status == literal_column("'published'")


def course_rows(*, counted: bool = True) -> Select[*tuple[Any, ...]]:
    """A course as every list shows it: its own columns and its running sums. `counted`: also that of its learners."""
    count = (CourseStats.enrollment_count,) if counted else ()
    return select(
        Course.id,
        Course.slug,
        Course.title,
        Course.description,
        Course.category,
        Course.level,
        Course.language,
        Course.skills,
        Course.status,
        Course.instructor_id,
        Course.version,
        Course.created_at,
        Course.updated_at,
        Course.published_at,
        Course.featured_at,
        *count,
        CourseStats.lesson_count,
        CourseStats.rating,
        CourseStats.rating_count,
    ).join(CourseStats, CourseStats.course_id == Course.id)


def visible() -> ColumnElement[bool]:
    """Drafts exist for their instructors and for administrators alone. Filled by `actor_values`."""
    return or_(
        Course.status != CourseStatus.DRAFT,
        bindparam("sees_all", type_=Boolean),
        exists().where(
            CourseInstructor.course_id == Course.id,
            CourseInstructor.user_id == bindparam("viewer", type_=BigInteger),
        ),
    )


def actor_values(actor: Actor) -> dict[str, Any]:
    """Parameters of `visible`. No user has the id 0."""
    return {"sees_all": actor.is_admin, "viewer": actor.user_id or 0}


_BY_ID = compiled(course_rows().where(Course.id == any_(KEYS), visible()))
_BY_SLUG = compiled(select(Course.id).where(Course.slug == bindparam("slug"), visible()))
_BY_SLUGS = compiled(
    select(Course.id, Course.slug, Course.status, Course.instructor_id).where(
        Course.slug == any_(bindparam("slugs", type_=ARRAY(Text)))
    )
)
_PUBLISHED_BY_ID = compiled(course_rows(counted=False).where(Course.id == any_(KEYS), PUBLISHED))
_ENROLLMENT_COUNTS = compiled(
    select(CourseStats.course_id, CourseStats.enrollment_count).where(CourseStats.course_id == any_(KEYS))
)
_FEATURED = compiled(
    select(Course.id)
    .where(Course.featured_at.is_not(None), PUBLISHED)
    .order_by(Course.featured_at.desc(), Course.id.desc())
    .limit(bindparam("first", type_=Integer))
)
_INSTRUCTORS = compiled(
    select(CourseInstructor.course_id, CourseInstructor.user_id, CourseInstructor.created_at)
    .where(CourseInstructor.course_id == any_(KEYS))
    .order_by(CourseInstructor.course_id, CourseInstructor.created_at, CourseInstructor.user_id)
)


async def courses_by_id(connection: Fetch, keys: Sequence[int], actor: Actor) -> list[Record]:
    """Those of the courses that the actor may see."""
    return await connection.fetch(_BY_ID, keys=keys, **actor_values(actor))


async def course_id_of_slug(connection: Fetch, slug: str, actor: Actor) -> int | None:
    rows = await connection.fetch(_BY_SLUG, slug=slug, **actor_values(actor))
    return rows[0]["id"] if rows else None


async def courses_of_slugs(connection: Fetch, slugs: Sequence[str]) -> list[Record]:
    """(id, slug, status, instructor_id), drafts included: for whoever acts for the platform."""
    return await connection.fetch(_BY_SLUGS, slugs=slugs)


async def published_courses_by_id(connection: Fetch, keys: Sequence[int]) -> list[Record]:
    """Those of the courses that are published: the same for everybody, and so without what changes at any moment."""
    return await connection.fetch(_PUBLISHED_BY_ID, keys=keys)


async def enrollment_counts(connection: Fetch, keys: Sequence[int]) -> list[Record]:
    """(course_id, enrollment_count) of any courses, for those of which a card is at hand."""
    return await connection.fetch(_ENROLLMENT_COUNTS, keys=keys)


async def featured_course_ids(connection: Fetch, first: int) -> list[int]:
    """Published courses that an administrator put forward, the latest first."""
    return [row["id"] for row in await connection.fetch(_FEATURED, first=first)]


async def instructors_of_courses(connection: Fetch, keys: Sequence[int]) -> list[Record]:
    """(course_id, user_id, created_at), in the order in which they joined."""
    return await connection.fetch(_INSTRUCTORS, keys=keys)
