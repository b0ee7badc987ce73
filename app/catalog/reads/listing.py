"""Pages of courses in an order, narrowed by a filter. One statement per shape of filter, compiled at its first use."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from asyncpg import Record
from sqlalchemy import BigInteger, DateTime, Double, Integer, Select, Text, bindparam, func, select, tuple_

from app.catalog.models import Course, CourseInstructor, CourseStats
from app.catalog.reads.courses import PUBLISHED, course_rows
from app.database import Fetch, Query, compiled


class CourseOrder(StrEnum):
    NEWEST = "newest"
    BEST_RATED = "best_rated"
    MOST_ENROLLED = "most_enrolled"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class CourseFilter:
    """None leaves a dimension open."""

    category: str | None = None
    level: str | None = None
    language: str | None = None
    instructor: int | None = None
    minimum_rating: float | None = None

    def values(self) -> dict[str, Any]:
        return {
            field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None
        }


@dataclass(frozen=True, slots=True)
class _Keyset:
    """An order: its leading column, then the id. Both run the same way, so that one index serves it."""

    name: str
    column: Any
    identifier: Any
    type_: Any
    """Of the cursor's value; wide enough for whatever a client may make up."""
    kind: type
    descending: bool


_SORT_TITLE = func.lower(Course.title).label("sort_title")

# The stats' own id is the tie-breaker where its index leads.
KEYSETS = {
    CourseOrder.NEWEST: _Keyset(
        "published_at", Course.published_at, Course.id, DateTime(timezone=True), datetime, True
    ),
    CourseOrder.BEST_RATED: _Keyset("rating", CourseStats.rating, CourseStats.course_id, Double, float, True),
    CourseOrder.MOST_ENROLLED: _Keyset(
        "enrollment_count", CourseStats.enrollment_count, CourseStats.course_id, BigInteger, int, True
    ),
    CourseOrder.TITLE: _Keyset("sort_title", func.lower(Course.title), Course.id, Text, str, False),
}


def cursor_of(order: CourseOrder) -> dict[str, type]:
    """Columns of a cursor in this order, and their kinds."""
    keyset = KEYSETS[order]
    return {keyset.name: keyset.kind, "id": int}


def _narrowed(statement: Select[*tuple[Any, ...]], names: frozenset[str]) -> Select[*tuple[Any, ...]]:
    statement = statement.where(PUBLISHED)
    for name, column in (
        ("category", Course.category),
        ("level", Course.level),
        ("language", Course.language),
    ):
        if name in names:
            statement = statement.where(column == bindparam(name, type_=Text))
    if "instructor" in names:
        taught = select(CourseInstructor.course_id).where(
            CourseInstructor.user_id == bindparam("instructor", type_=BigInteger)
        )
        statement = statement.where(Course.id.in_(taught))
    if "minimum_rating" in names:
        statement = statement.where(CourseStats.rating >= bindparam("minimum_rating", type_=Double))
    return statement


def _behind(statement: Select[*tuple[Any, ...]], keyset: _Keyset) -> Select[*tuple[Any, ...]]:
    here: Any = tuple_(keyset.column, keyset.identifier)
    there: Any = tuple_(bindparam("after", type_=keyset.type_), bindparam("after_id", type_=BigInteger))
    return statement.where(here < there if keyset.descending else here > there)


# Shapes are bounded: four orders, 32 sets of filters, with or without a cursor.
@cache
def _page_query(order: CourseOrder, names: frozenset[str], *, continued: bool) -> Query:
    keyset = KEYSETS[order]
    statement = _narrowed(course_rows().add_columns(_SORT_TITLE), names)
    if continued:
        statement = _behind(statement, keyset)
    ends = (keyset.column, keyset.identifier)
    ordered = statement.order_by(*(end.desc() if keyset.descending else end.asc() for end in ends))
    return compiled(ordered.limit(bindparam("first", type_=Integer)))


@cache
def _count_query(names: frozenset[str]) -> Query:
    statement = select(func.count()).select_from(Course)
    if "minimum_rating" in names:
        statement = statement.join(CourseStats, CourseStats.course_id == Course.id)
    return compiled(_narrowed(statement, names))


async def courses_page(
    connection: Fetch, narrowed: CourseFilter, order: CourseOrder, first: int, after: tuple[Any, int] | None
) -> list[Record]:
    """Up to `first` published courses behind the cursor `after`: the values of `cursor_of(order)`."""
    values = narrowed.values()
    query = _page_query(order, frozenset(values), continued=after is not None)
    if after is not None:
        values |= {"after": after[0], "after_id": after[1]}
    return await connection.fetch(query, first=first, **values)


async def count_courses(connection: Fetch, narrowed: CourseFilter) -> int:
    """How many published courses pass the filter. Counts rows: ask only when the answer is shown."""
    values = narrowed.values()
    rows = await connection.fetch(_count_query(frozenset(values)), **values)
    return int(rows[0][0])


def _taught(*, continued: bool) -> Query:
    statement = (
        course_rows()
        .join(CourseInstructor, CourseInstructor.course_id == Course.id)
        .where(CourseInstructor.user_id == bindparam("user_id", type_=BigInteger))
    )
    if continued:
        statement = statement.where(CourseInstructor.course_id < bindparam("after_id", type_=BigInteger))
    return compiled(
        statement.order_by(CourseInstructor.course_id.desc()).limit(bindparam("first", type_=Integer))
    )


_TAUGHT = _taught(continued=False)
_TAUGHT_BEHIND = _taught(continued=True)


async def courses_taught_by(
    connection: Fetch, user_id: int, first: int, after: tuple[int] | None
) -> list[Record]:
    """Every course of an instructor, drafts included, the latest first; `after` is the id of the last one seen."""
    if after is None:
        return await connection.fetch(_TAUGHT, user_id=user_id, first=first)
    return await connection.fetch(_TAUGHT_BEHIND, user_id=user_id, first=first, after_id=after[0])
