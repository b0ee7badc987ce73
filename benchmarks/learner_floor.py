"""The learner's home screen by hand: one statement into dicts into orjson, for the user that the body names."""

from base64 import b64encode

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.pool import application

_HOME = """
SELECT e.state, e.course_id, least(e.lessons_completed, s.lesson_count) AS done, s.lesson_count, c.title, c.slug,
       next.id AS lesson_id, next.title AS lesson_title
FROM enrollments e
JOIN courses c ON c.id = e.course_id JOIN course_stats s ON s.course_id = e.course_id
LEFT JOIN LATERAL (
    SELECT l.id, l.title FROM modules m JOIN lessons l ON l.module_id = m.id
    WHERE m.course_id = e.course_id AND NOT EXISTS (
        SELECT FROM lesson_progress p WHERE p.user_id = e.user_id AND p.lesson_id = l.id AND p.completed_at IS NOT NULL)
    ORDER BY m.position, l.position LIMIT 1
) AS next ON true
WHERE e.user_id = $1 ORDER BY e.created_at DESC, e.course_id DESC LIMIT 10
"""


def _id(type_name: str, key: object) -> str:
    return b64encode(f"{type_name}:{key}".encode()).decode()


async def _home(request: Request) -> Response:
    user_id = orjson.loads(await request.body())["variables"]["user"]
    async with request.app.state.pool.acquire() as connection:
        rows = await request.app.state.statements.fetch(connection, _HOME, user_id)
    nodes = [
        {
            "id": _id("Enrollment", f"{user_id}.{row['course_id']}"),
            "state": row["state"].upper(),
            "progress": {
                "completedLessons": row["done"],
                "totalLessons": row["lesson_count"],
                "share": row["done"] / row["lesson_count"],
            },
            "course": {
                "id": _id("Course", row["course_id"]),
                "title": row["title"],
                "slug": row["slug"],
            },
            "nextLesson": None
            if row["lesson_id"] is None
            else {"id": _id("Lesson", row["lesson_id"]), "title": row["lesson_title"]},
        }
        for row in rows
    ]
    data = {"viewer": {"enrollments": {"nodes": nodes}}}
    return Response(orjson.dumps({"data": data}), media_type="application/json")


def create_app() -> Starlette:
    app = application()
    app.add_route("/graphql", _home, methods=["POST"])
    return app
