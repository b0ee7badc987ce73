"""The two queries, and what the database says their answers are, asked in SQL that no contender uses."""

from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

_COURSE_PAGE = 50
_LESSON_PAGE = 12
_SHORT_PAGE = 20

_Q1 = """
query Catalogue($first: Int!, $lessons: Int!) {
  courses(first: $first) {
    nodes {
      id
      slug
      title
      enrollmentCount
      instructor { id name }
      lessons(first: $lessons) {
        nodes { id title durationSeconds }
      }
    }
  }
}
"""

_Q0 = """
query Titles($first: Int!) {
  courses(first: $first) {
    nodes { id slug title enrollmentCount }
  }
}
"""

# PostgreSQL itself builds the answers, from the tables, by other means than the servers' reads.
_IDENTIFIER = "replace(encode(convert_to('{type}:' || {number}, 'UTF8'), 'base64'), E'\\n', '')"
_COURSE_ID = _IDENTIFIER.format(type="Course", number="course.id")
_USER_ID = _IDENTIFIER.format(type="User", number="teacher.id")
_LESSON_ID = _IDENTIFIER.format(type="Lesson", number="lesson.id")

_EXPECTED_Q1 = f"""
WITH ranked AS (
    SELECT lesson.*, module.course_id AS owner, video.duration_ms, row_number() OVER (
        PARTITION BY module.course_id ORDER BY module.position, lesson.position) AS place
    FROM (SELECT id FROM courses ORDER BY published_at DESC, id DESC LIMIT {_COURSE_PAGE}) AS newest
    JOIN modules AS module ON module.course_id = newest.id
    JOIN lessons AS lesson ON lesson.module_id = module.id
    LEFT JOIN video_metadata AS video ON video.lesson_id = lesson.id
)
SELECT jsonb_agg(jsonb_build_object(
    'id', {_COURSE_ID}, 'slug', course.slug, 'title', course.title,
    'enrollmentCount', (SELECT enrollment_count FROM course_stats WHERE course_id = course.id),
    'instructor', (SELECT jsonb_build_object('id', {_USER_ID}, 'name', teacher.name)
                   FROM users AS teacher WHERE teacher.id = course.instructor_id),
    'lessons', jsonb_build_object('nodes', (
        SELECT jsonb_agg(jsonb_build_object('id', {_LESSON_ID}, 'title', lesson.title,
                                            'durationSeconds', lesson.duration_ms / 1000.0) ORDER BY lesson.place)
        FROM ranked AS lesson WHERE lesson.owner = course.id AND lesson.place <= {_LESSON_PAGE}))
) ORDER BY course.published_at DESC, course.id DESC)::text
FROM courses AS course WHERE course.id IN (SELECT owner FROM ranked)
"""

_EXPECTED_Q0 = f"""
SELECT jsonb_agg(jsonb_build_object('id', {_COURSE_ID}, 'slug', slug, 'title', title,
                                    'enrollmentCount', enrollment_count) ORDER BY published_at DESC, id DESC)::text
FROM (SELECT * FROM courses JOIN course_stats ON course_id = id ORDER BY published_at DESC, id DESC
      LIMIT {_SHORT_PAGE}) AS course
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """A query under test and the SQL that says its answer: the list of `data.courses.nodes`."""

    name: str
    query: str
    variables: dict[str, int]
    expected_sql: str

    @property
    def body(self) -> bytes:
        return orjson.dumps({"query": self.query, "variables": self.variables})

    async def expected(self, database_url: str) -> dict[str, Any]:
        """The answer's `data`, from the database."""
        connection = await asyncpg.connect(database_url)
        try:
            return {"courses": {"nodes": orjson.loads(await connection.fetchval(self.expected_sql))}}
        finally:
            await connection.close()


Q1 = Measured("Q1", _Q1, {"first": _COURSE_PAGE, "lessons": _LESSON_PAGE}, _EXPECTED_Q1)
Q0 = Measured("Q0", _Q0, {"first": _SHORT_PAGE}, _EXPECTED_Q0)


def count_fields(data: Any) -> int:
    """Fields in an answer: every member of every object, lists and objects included."""
    if isinstance(data, dict):
        return sum(1 + count_fields(value) for value in data.values())
    return sum(map(count_fields, data)) if isinstance(data, list) else 0
