"""Taking beats by hand: a call's bytes go into Redis in one command. Nothing is checked, nor who asks."""

import orjson
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from app.settings import RedisSettings
from benchmarks.pool import application


async def _take(request: Request) -> Response:
    body = await request.body()
    await request.app.state.redis.set(f"floor:{request.headers['x-user']}", body)
    answer = {"accepted": len(orjson.loads(body)["beats"]), "rejected": []}
    return Response(orjson.dumps(answer), 202, media_type="application/json")


def create_app() -> Starlette:
    app = application()
    app.state.redis = Redis.from_url(RedisSettings().url)
    app.add_route("/progress", _take, methods=["POST"])
    return app
