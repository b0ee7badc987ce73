"""A catalogue of many courses with ties in every order, put in by SQL; what `courses` should say of it, in Python."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.database import Database
from graphql_schema.node import global_id
from tests.factories.catalog import Staff, run

COURSES = """query ($filter: CourseFilter, $orderBy: CourseOrder, $first: Int!, $after: String) {
    courses(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
        nodes { id } edges { cursor node { id } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
DAY_ZERO = datetime(2024, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
_INSERT = """
    WITH made AS (
        INSERT INTO courses (slug, title, category, level, language, status, instructor_id, published_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id
    ), sums AS (
        INSERT INTO course_stats (course_id, enrollment_count, rating_sum, rating_count)
        SELECT id, $9, $10, $11 FROM made
    )
    INSERT INTO course_instructors (course_id, user_id) SELECT id, $7 FROM made RETURNING course_id
"""
_DELETE = (
    "DELETE FROM course_instructors WHERE course_id = $1",
    "DELETE FROM course_stats WHERE course_id = $1",
    "DELETE FROM courses WHERE id = $1",
)


@dataclass(frozen=True)
class Listed:
    number: int
    title: str
    category: str
    level: str
    language: str
    instructor: str
    published_at: datetime
    enrollment_count: int
    rating: float

    @property
    def id(self) -> str:
        return global_id("Course", self.number)

    def passes(self, narrowed: dict[str, Any]) -> bool:
        return all(
            {
                "category": lambda value: self.category == value,
                "level": lambda value: self.level == value.lower(),
                "language": lambda value: self.language == value,
                "instructorId": lambda value: self.instructor == value,
                "minimumRating": lambda value: self.rating >= value,
            }[name](value)
            for name, value in narrowed.items()
        )


# Each order as a sort key; ids go the same way as the leading column.
ORDERS: dict[str, Any] = {
    "NEWEST": lambda course: (-course.published_at.timestamp(), -course.number),
    "BEST_RATED": lambda course: (-course.rating, -course.number),
    "MOST_ENROLLED": lambda course: (-course.enrollment_count, -course.number),
    "TITLE": lambda course: (course.title.lower(), course.number),
}


async def add_listed(database: Database, staff: Staff, n: int, *, status: str = "published") -> Listed:
    """The nth course: its values follow from n, with few different ones each."""
    teacher = staff.lead if n % 3 else staff.stranger
    title = ("Bread", "bread", "Salt", "apples", "Zest", "Ähren")[n % 6]
    level = ("beginner", "intermediate", "advanced")[n % 3]
    category, language = f"Category {n % 2}", ("en", "pt-br")[n // 2 % 2]
    published_at = DAY_ZERO + timedelta(microseconds=n % 5)
    rating_count = n % 4
    rating_sum = rating_count * (n % 3 + 2) + n % 2 * rating_count / 3
    rows = await run(
        database,
        _INSERT,
        f"listed-{n}",
        title,
        category,
        level,
        language,
        status,
        teacher.number,
        published_at,
        n % 7,
        round(rating_sum, 4),
        rating_count,
    )
    number = rows[0]["course_id"]
    stats = await run(database, "SELECT rating FROM course_stats WHERE course_id = $1", number)
    return Listed(
        number, title, category, level, language, teacher.id, published_at, n % 7, stats[0]["rating"]
    )


async def delete_listed(database: Database, course: Listed) -> None:
    for statement in _DELETE:
        await run(database, statement, course.number)


async def set_status(database: Database, course: Listed, status: str) -> None:
    await run(database, "UPDATE courses SET status = $2 WHERE id = $1", course.number, status)


async def listed(database: Database, staff: Staff, many: int = 30) -> list[Listed]:
    """Published courses, with a draft and an archived one among them."""
    made = [await add_listed(database, staff, n) for n in range(many)]
    await add_listed(database, staff, 1_000, status="draft")
    await add_listed(database, staff, 1_001, status="archived")
    return made


def ids(connection: dict[str, Any]) -> list[str]:
    return [node["id"] for node in connection["nodes"]]
