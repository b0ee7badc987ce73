"""`/media/TOKEN/...`: streams, for who has a link to their folder. A folder's files we serve; S3 serves its own segments.

Caches on the way may keep what is answered: the address is the right to see it.
"""

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
from app.storage import LinkExpired, LinkRefused, NoSuchFile, Storage
from app.storage.keys import media_type
from app.storage.links import MARGIN, Wish
from app.storage.media_links import PATH
from app.storage.places import Bucket
from app.storage.served_links import Grant

# What names other files by addresses relative to its own: sent elsewhere for it, a player would look for them there.
_NAMING: Final = frozenset({"application/vnd.apple.mpegurl", "application/dash+xml"})
_SEGMENT_LIFETIME: Final = 3600 + MARGIN  # seconds a link to one file in S3 lives
_SEGMENT_KEPT: Final = MARGIN  # seconds it may be remembered where S3 has a file

_OUTCOMES: Final = {200: "served", 206: "partial", 304: "unchanged"}


def media_routes(resources: Callable[[], Resources]) -> list[Route]:
    async def serve(request: Request) -> Response:
        storage, metrics = resources().storage, resources().metrics

        def count(outcome: str) -> None:
            metrics.media_requests.labels(outcome).inc()

        key = request.path_params["key"]
        try:
            until = storage.media_granted(request.path_params["token"], key, now=time.time())
            if isinstance(storage.place, Bucket) and media_type(key) not in _NAMING:
                count("redirected")
                return _elsewhere(storage, key, until)
            grant = Grant(Wish(method="GET", key=key, content_type=media_type(key)), until)
            answer = await file_answer(storage, grant, request, shared=True)
            count(_OUTCOMES[answer.status_code])
            return answer  # noqa: TRY300 - what was served has not failed
        except LinkRefused as error:
            count("expired" if isinstance(error, LinkExpired) else "refused")
            raise HTTPException(403) from None
        except NoSuchFile:
            count("missing")
            raise HTTPException(404) from None
        except HTTPException:
            # The one that `file_answer` raises: 416, for bytes that there are not.
            count("unsatisfiable")
            raise
        except Unavailable as error:
            count("unavailable")
            raise HTTPException(503, headers={"Retry-After": str(error.retry_after_seconds)}) from None

    return [Route(f"{PATH}{{token}}/{{key:path}}", serve, methods=["GET", "HEAD"])]


def _elsewhere(storage: Storage, key: str, until: int) -> Response:
    kept = max(0, min(_SEGMENT_KEPT, until - int(time.time())))
    return Response(
        status_code=307,
        headers={
            "Location": storage.link(key, _SEGMENT_LIFETIME).url,
            "Cache-Control": f"public, max-age={kept}",
            "Vary": "Origin",
            "Referrer-Policy": "no-referrer",
        },
    )
