"""Playback by hand: one statement, a signature for each folder and hour, a dict into orjson; files by FileResponse.

It asks whether the viewer is enrolled, and believes who they say they are. The links are Lectern's, letter by letter.
"""

import base64
import hashlib
import hmac
import time
from base64 import b64encode
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from asyncpg import Record
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.identity.tokens.signing_keys import SigningKeys
from app.settings import Settings
from benchmarks.pool import application

_WINDOW, _LIFETIME = 3600, 3900
_COLUMNS = """
SELECT l.id AS lesson, v.id, v.manifest_key, v.captions FROM lessons l
JOIN modules m ON m.id = l.module_id JOIN video_metadata v ON v.lesson_id = l.id
WHERE EXISTS (SELECT FROM enrollments e WHERE e.user_id = $2 AND e.course_id = l.course_id
              AND e.state IN ('active', 'completed'))
"""
_ONE = f"{_COLUMNS} AND l.id = $1"
_FIFTY = f"{_COLUMNS} AND l.course_id = $1 ORDER BY m.position, l.position LIMIT 50"


def _id(type_name: str, number: int) -> str:
    return b64encode(f"{type_name}:{number}".encode()).decode()


class Player:
    def __init__(self, settings: Settings) -> None:
        self._secret = SigningKeys.load(settings).derived("lectern file links v1")[0]
        self._address = f"{settings.authentication.public_url}/media/"
        self._base = lru_cache(10_000)(self._signed)

    def _signed(self, folder: str, until: int) -> str:
        text = orjson.dumps(["MEDIA", folder, "learners", until])
        signature = base64.urlsafe_b64encode(hmac.digest(self._secret, text, hashlib.sha256)).rstrip(b"=")
        return f"{self._address}{until}.{folder.count('/') + 1}.learners.{signature.decode()}/{folder}"

    def video(self, row: Record) -> dict[str, Any]:
        until = int(time.time()) // _WINDOW * _WINDOW + _LIFETIME
        captions = orjson.loads(row["captions"])
        return {
            "id": _id("Video", row["id"]),
            "playback": {
                "url": self._url(row["manifest_key"], until),
                "expiresAt": datetime.fromtimestamp(until, UTC).isoformat(),
                "captions": [
                    {"language": caption["language"], "url": self._url(caption["key"], until)}
                    for caption in captions
                ],
            },
        }

    def _url(self, key: str, until: int) -> str:
        folder = "/".join(key.split("/", 3)[:3])
        return self._base(folder, until) + key.removeprefix(folder)


async def _graphql(request: Request) -> Response:
    variables = orjson.loads(await request.body())["variables"]
    state = request.app.state
    player: Player = state.player
    if "lesson" in variables:
        (row,) = await state.statements.fetch(state.pool, _ONE, variables["lesson"], variables["viewer"])
        data: dict[str, Any] = {"node": {"video": player.video(row)}}
    else:
        rows = await state.statements.fetch(state.pool, _FIFTY, variables["course"], variables["viewer"])
        nodes = [{"id": _id("Lesson", row["lesson"]), "video": player.video(row)} for row in rows]
        data = {"course": {"lessons": {"nodes": nodes}}}
    return Response(orjson.dumps({"data": data}), media_type="application/json")


async def _file(request: Request) -> Response:
    return FileResponse(request.app.state.folder / request.path_params["key"])


def create_app() -> Starlette:
    settings = Settings()
    app = application()
    app.state.player = Player(settings)
    app.state.folder = settings.home / "storage"
    app.add_route("/graphql", _graphql, methods=["POST"])
    app.add_route("/bare/{key:path}", _file, methods=["GET"])
    return app
