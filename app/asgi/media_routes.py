"""`/media/TOKEN/...`: streams, for who has a link to their folder. A folder's files we serve; S3 serves its own segments."""

import time
from collections.abc import Callable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.asgi.file_routes import file_answer
from app.errors import Unavailable
from app.resources import Resources
from app.storage import LinkRefused, NoSuchFile, Storage
from app.storage.keys import media_type
from app.storage.links import MARGIN, Wish
from app.storage.media_links import PATH
from app.storage.places import Bucket
from app.storage.served_links import Grant

# What names other files by addresses relative to its own: sent elsewhere for it, a player would look for them there.
_NAMING: Final = frozenset({"application/vnd.apple.mpegurl", "application/dash+xml"})
_SEGMENT_LIFETIME: Final = 3600 + MARGIN  # seconds a link to one file in S3 lives
_SEGMENT_KEPT: Final = MARGIN  # seconds a browser may remember where S3 has it


def media_routes(resources: Callable[[], Resources]) -> list[Route]:
    async def serve(request: Request) -> Response:
        storage = resources().storage
        key = request.path_params["key"]
        try:
            until = storage.media_granted(request.path_params["token"], key, now=time.time())
            if isinstance(storage.place, Bucket) and media_type(key) not in _NAMING:
                return _elsewhere(storage, key, until)
            grant = Grant(Wish(method="GET", key=key, content_type=media_type(key)), until)
            return await file_answer(storage, grant, request)
        except LinkRefused:
            raise HTTPException(403) from None
        except NoSuchFile:
            raise HTTPException(404) from None
        except Unavailable as error:
            raise HTTPException(503, headers={"Retry-After": str(error.retry_after_seconds)}) from None

    return [Route(f"{PATH}{{token}}/{{key:path}}", serve, methods=["GET", "HEAD"])]


def _elsewhere(storage: Storage, key: str, until: int) -> Response:
    kept = max(0, min(_SEGMENT_KEPT, until - int(time.time())))
    return Response(
        status_code=307,
        headers={
            "Location": storage.link(key, _SEGMENT_LIFETIME).url,
            "Cache-Control": f"private, max-age={kept}",
            "Referrer-Policy": "no-referrer",
        },
    )
