"""The floor: what the two answers cost by hand. asyncpg rows into dicts into orjson, no GraphQL at all."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from asyncpg import Pool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.pool import Statements, application
from benchmarks.queries import Q0, Q1

Answer = Callable[[Pool, Statements, dict[str, Any]], Awaitable[dict[str, Any]]]

_COURSES = """
SELECT id, slug, title, enrollment_count, instructor_id FROM courses JOIN course_stats ON course_id = id
WHERE status = 'published' ORDER BY published_at DESC, id DESC LIMIT $1
"""
_USERS = "SELECT id, name FROM users WHERE id = ANY($1::bigint[])"
_LESSONS = """
SELECT page.* FROM unnest($1::bigint[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT module.course_id, lesson.id, lesson.title, video.duration_ms
    FROM modules AS module
    JOIN lessons AS lesson ON lesson.module_id = module.id
    LEFT JOIN video_metadata AS video ON video.lesson_id = lesson.id
    WHERE module.course_id = parent.id
    ORDER BY module.position, lesson.position, lesson.id LIMIT $2
) AS page
"""


def _identifier(type_name: str, number: int) -> str:
    return b64encode(f"{type_name}:{number}".encode()).decode()


async def _titles(pool: Pool, statements: Statements, variables: dict[str, Any]) -> dict[str, Any]:
    async with pool.acquire() as connection:
        rows = await statements.fetch(connection, _COURSES, variables["first"])
    return {
        "courses": {
            "nodes": [
                {
                    "id": _identifier("Course", row["id"]),
                    "slug": row["slug"],
                    "title": row["title"],
                    "enrollmentCount": row["enrollment_count"],
                }
                for row in rows
            ]
        }
    }


async def _catalogue(pool: Pool, statements: Statements, variables: dict[str, Any]) -> dict[str, Any]:
    async with pool.acquire() as connection:
        courses = await statements.fetch(connection, _COURSES, variables["first"])
        users = await statements.fetch(connection, _USERS, list({row["instructor_id"] for row in courses}))
        lessons = await statements.fetch(
            connection, _LESSONS, [row["id"] for row in courses], variables["lessons"]
        )
    instructors = {row["id"]: {"id": _identifier("User", row["id"]), "name": row["name"]} for row in users}
    by_course: dict[int, list[dict[str, Any]]] = {row["id"]: [] for row in courses}
    for row in lessons:
        duration = row["duration_ms"]
        by_course[row["course_id"]].append(
            {
                "id": _identifier("Lesson", row["id"]),
                "title": row["title"],
                "durationSeconds": None if duration is None else duration / 1000,
            }
        )
    return {
        "courses": {
            "nodes": [
                {
                    "id": _identifier("Course", row["id"]),
                    "slug": row["slug"],
                    "title": row["title"],
                    "enrollmentCount": row["enrollment_count"],
                    "instructor": instructors[row["instructor_id"]],
                    "lessons": {"nodes": by_course[row["id"]]},
                }
                for row in courses
            ]
        }
    }


_ANSWERS: dict[str, Answer] = {Q0.query: _titles, Q1.query: _catalogue}


async def _graphql(request: Request) -> Response:
    asked = orjson.loads(await request.body())
    state = request.app.state
    data = await _ANSWERS[asked["query"]](state.pool, state.statements, asked["variables"])
    return Response(orjson.dumps({"data": data}), media_type="application/json")


def create_app() -> Starlette:
    app = application()
    app.add_route("/graphql", _graphql, methods=["POST"])
    return app
