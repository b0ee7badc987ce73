"""Enrolments: by their two keys, as the viewer's own, and as pages of a person's and of a course's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from asyncpg import Record

from app.database import Fetch, Query
from app.identity.actor import Actor
from app.learning.models import EnrollmentState
from app.learning.reads.managing import manager_values

OF_USER_CURSOR: dict[str, type] = {"created_at": datetime, "course_id": int}
OF_COURSE_CURSOR: dict[str, type] = {"created_at": datetime, "user_id": int}

ENROLLMENT_COLUMNS = (
    "e.user_id, e.course_id, e.state, e.generation, e.created_at, e.enrolled_at, e.completed_at, e.withdrawn_at,"
    " e.waitlist_number, e.lessons_completed, s.lesson_count"
)
_MANAGED = "EXISTS (SELECT FROM course_instructors i WHERE i.course_id = {course} AND i.user_id = {teacher})"

# `LIMIT 1` keeps each pair a look-up of its own in the partition that can hold it; flattened into a join, the planner
# may hash all of the table.
_BY_PAIR = Query(
    f"SELECT ROW(e.user_id, e.course_id) AS pair, {ENROLLMENT_COLUMNS}"  # noqa: S608
    " FROM unnest($1::bigint[], $2::bigint[]) AS k (user_id, course_id)"
    " CROSS JOIN LATERAL"
    " (SELECT * FROM enrollments e WHERE e.user_id = k.user_id AND e.course_id = k.course_id LIMIT 1) AS e"
    " JOIN course_stats s ON s.course_id = e.course_id"
    f" WHERE e.user_id = $3 OR $4 OR {_MANAGED.format(course='e.course_id', teacher='$5')}",
    ("user_ids", "course_ids", "viewer", "sees_all", "teacher"),
    {},
)
_OF_VIEWER = Query(
    f"SELECT {ENROLLMENT_COLUMNS} FROM enrollments e JOIN course_stats s ON s.course_id = e.course_id"  # noqa: S608
    " WHERE e.user_id = $1 AND e.course_id = ANY($2::bigint[])",
    ("viewer", "course_ids"),
    {},
)


def _numbered(text: str, names: Sequence[str]) -> Query:
    """A Query of text in which `:name` stands for a parameter."""
    for number, name in enumerate(names, 1):
        text = text.replace(f":{name}", f"${number}")
    return Query(text, names, {})


# Written into the text: a generic plan does not see that a parameter's value fits an index's leading columns best.
@cache
def _of_user(state: EnrollmentState | None, *, continued: bool) -> Query:
    narrowed = "" if state is None else f" AND e.state = '{state.value}'"
    behind = " AND (e.created_at, e.course_id) < (:created_at, :course_id)" if continued else ""
    return _numbered(
        f"SELECT {ENROLLMENT_COLUMNS} FROM enrollments e JOIN course_stats s ON s.course_id = e.course_id"  # noqa: S608
        f" WHERE e.user_id = :owner{narrowed}{behind} ORDER BY e.created_at DESC, e.course_id DESC LIMIT :first::int",
        ("owner", "first", *(OF_USER_CURSOR if continued else ())),
    )


@cache
def _of_courses(state: EnrollmentState | None, *, continued: bool, in_cohort: bool) -> Query:
    narrowed = "" if state is None else f" AND e.state = '{state.value}'"
    behind = " AND (e.created_at, e.user_id) > (:created_at, :user_id)" if continued else ""
    learners = "SELECT * FROM enrollments e WHERE e.course_id = k.id"
    if in_cohort:
        # From the cohort to its members' rows: a cohort is small beside its course.
        learners = (
            "SELECT e.* FROM cohort_members m JOIN cohorts c ON c.id = m.cohort_id AND c.course_id = k.id CROSS JOIN"
            " LATERAL (SELECT * FROM enrollments e WHERE e.user_id = m.user_id AND e.course_id = k.id LIMIT 1) AS e"
            " WHERE m.cohort_id = :cohort"
        )
    return _numbered(
        f"SELECT {ENROLLMENT_COLUMNS} FROM unnest(:keys::bigint[]) AS k (id) JOIN course_stats s ON s.course_id = k.id"  # noqa: S608
        f" CROSS JOIN LATERAL ({learners}{narrowed}{behind} ORDER BY e.created_at, e.user_id LIMIT :first::int) AS e"
        f" WHERE :sees_all OR {_MANAGED.format(course='k.id', teacher=':teacher')}",
        (
            "keys",
            "first",
            "sees_all",
            "teacher",
            *(("cohort",) if in_cohort else ()),
            *(OF_COURSE_CURSOR if continued else ()),
        ),
    )


@dataclass(frozen=True, slots=True)
class LearnersPage:
    """Up to `first` behind `after`, the values of OF_COURSE_CURSOR; all, or those in a state or of a cohort alone."""

    first: int
    after: tuple[datetime, int] | None = None
    state: EnrollmentState | None = None
    cohort_id: int | None = None


async def enrollments_by_pair(
    connection: Fetch, keys: Sequence[tuple[int, int]], actor: Actor
) -> list[Record]:
    """Of (user, course) those that the actor may see: their own, and those of courses that they manage.

    Rows have `pair`, the key, and the course's lesson_count.
    """
    if not actor.signed_in:
        return []
    return await connection.fetch(
        _BY_PAIR,
        user_ids=[user for user, _ in keys],
        course_ids=[course for _, course in keys],
        viewer=actor.user_id,
        **manager_values(actor),
    )


async def enrollments_of_viewer(connection: Fetch, keys: Sequence[int], actor: Actor) -> list[Record]:
    """The actor's own in these courses, whatever their state."""
    if not actor.signed_in:
        return []
    return await connection.fetch(_OF_VIEWER, viewer=actor.user_id, course_ids=keys)


async def enrollments_of_user(
    connection: Fetch,
    user_id: int,
    first: int,
    after: tuple[datetime, int] | None,
    state: EnrollmentState | None,
) -> list[Record]:
    """Up to `first` of a person's own, the latest first; `after` holds the values of OF_USER_CURSOR."""
    values: dict[str, Any] = {} if after is None else dict(zip(OF_USER_CURSOR, after, strict=True))
    query = _of_user(state, continued=after is not None)
    return await connection.fetch(query, owner=user_id, first=first, **values)


async def enrollments_of_courses(
    connection: Fetch, keys: Sequence[int], actor: Actor, page: LearnersPage
) -> list[Record]:
    """A page of learners of each course that the actor manages, the earliest first; none of other courses."""
    if not actor.may_teach:
        return []
    after, cohort_id = page.after, page.cohort_id
    values: dict[str, Any] = {} if after is None else dict(zip(OF_COURSE_CURSOR, after, strict=True))
    if cohort_id is not None:
        values["cohort"] = cohort_id
    query = _of_courses(page.state, continued=after is not None, in_cohort=cohort_id is not None)
    return await connection.fetch(query, keys=keys, first=page.first, **manager_values(actor), **values)
