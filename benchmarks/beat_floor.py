"""What beats cost by hand: `/floor` puts a call's bytes into Redis in one command, unread; `/naive` writes each beat to
PostgreSQL in a statement of its own. Neither checks anything, nor who asks.
"""

from datetime import datetime
from typing import Any

import orjson
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from app.settings import RedisSettings
from benchmarks.pool import application
from graphql_schema.node import number_of

_UPSERT = """
INSERT INTO video_progress AS p
    (user_id, video_id, lesson_id, course_id, position_ms, position_at, position_sequence, watched, watched_ms)
VALUES ($1, $2, $2, 1, $3, $4, $5, int4multirange(int4range($6, $7)), $7 - $6)
ON CONFLICT (user_id, video_id) DO UPDATE SET
    position_ms = excluded.position_ms, position_at = excluded.position_at, position_sequence = excluded.position_sequence,
    watched = p.watched + excluded.watched, updated_at = now()
"""


async def _floor(request: Request) -> Response:
    body = await request.body()
    await request.app.state.redis.set(f"floor:{request.headers['x-user']}", body)
    return _accepted(len(orjson.loads(body)["beats"]))


async def _naive(request: Request) -> Response:
    user, beats = int(request.headers["x-user"]), orjson.loads(await request.body())["beats"]
    for beat in beats:
        async with request.app.state.pool.acquire() as connection:
            await request.app.state.statements.fetch(connection, _UPSERT, user, *_values(beat))
    return _accepted(len(beats))


def _values(beat: dict[str, Any]) -> tuple[Any, ...]:
    seconds = (beat["positionSeconds"], beat["watchedFrom"], beat["watchedTo"])
    position, begin, end = (round(1000 * value) for value in seconds)
    at = datetime.fromisoformat(beat["clientTime"])
    return number_of("Video", beat["videoId"]), position, at, beat["clientSequence"], begin, end


def _accepted(number: int) -> Response:
    return Response(orjson.dumps({"accepted": number, "rejected": []}), 202, media_type="application/json")


def create_app() -> Starlette:
    app = application()
    app.state.redis = Redis.from_url(RedisSettings().url)
    app.add_route("/floor", _floor, methods=["POST"])
    app.add_route("/naive", _naive, methods=["POST"])
    return app
