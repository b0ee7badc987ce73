"""The outermost application: gives every request its id, takes /graphql and /progress the short way, lets no failure out
bare.
"""

from typing import Any, Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from app.asgi.answers import REQUEST_ID, Answer, Message, Receive, Send, error_body, send_answer
from app.asgi.request_head import HEAD, RequestHead, Scope, read_head
from app.settings import OriginSettings
from app.telemetry import request_id
from graphql_schema.errors import INTERNAL_MESSAGE, log_bug

GRAPHQL_PATH: Final = "/graphql"
PROGRESS_PATH: Final = "/progress"

_DEFAULTS: Final = {b"cache-control": b"no-store", b"x-content-type-options": b"nosniff"}

_ALLOWED_HEADERS = (
    "Authorization",
    "Content-Type",
    "X-Api-Key",
    "X-Request-Id",
    # Parts of stored files: not every browser takes it for harmless.
    "Range",
    # What Apollo Client adds when an application gives it a name.
    "Apollographql-Client-Name",
    "Apollographql-Client-Version",
)


class Entry:
    """`site` answers whatever has no way of its own, and the lifespan; `mount` is called by the lifespan."""

    def __init__(self, site: ASGIApp, origins: OriginSettings) -> None:
        self.site = site
        self._site = self._with_cors(site, origins)
        self._origins = origins
        # By path: as it is, and for browsers.
        self._short_ways: dict[str, tuple[Any, Any]] = {}

    def mount(self, application: Any, path: str = GRAPHQL_PATH) -> None:
        self._short_ways[path] = application, self._with_cors(application, self._origins)

    @staticmethod
    def _with_cors(application: Any, origins: OriginSettings) -> Any:
        if not origins.allowed_origins:
            return application
        return CORSMiddleware(
            application,
            allow_origins=origins.allowed_origins,
            allow_methods=("GET", "POST", "PUT"),
            allow_headers=_ALLOWED_HEADERS,
            expose_headers=(
                "X-Request-Id",
                "Retry-After",
                "WWW-Authenticate",
                "Accept-Ranges",
                "Content-Range",
                "ETag",
                # By which the reporter of progress puts a wrong clock right.
                "Date",
            ),
            # Bearer tokens only, no cookies: a browser never adds credentials by itself.
            allow_credentials=False,
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.site(scope, receive, send)
            return
        head = read_head(scope, self._origins.trusted_proxies)
        scope[HEAD] = head
        request_id.set(head.request_id)
        short_way = self._short_ways.get(scope["path"])
        if short_way is None:
            await self._visit(self._site, scope, receive, send)
        elif b"origin" in head.headers:
            await self._visit(short_way[1], scope, receive, send)
        else:
            await short_way[0](scope, receive, send)

    @staticmethod
    async def _visit(application: Any, scope: Scope, receive: Receive, send: Send) -> None:
        head: RequestHead = scope[HEAD]
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = _completed(message.get("headers", ()), head)
            await send(message)

        try:
            await application(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 - the last net
            log_bug(error, operation=f"{scope['method']} {scope['path']!r}")
            if not started:
                body = error_body("INTERNAL", INTERNAL_MESSAGE, requestId=head.request_id)
                await send_answer(send, Answer(500, body), request_id=head.request_id)


def _completed(headers: Any, head: RequestHead) -> list[tuple[bytes, bytes]]:
    complete = list(headers)
    present = {name.lower() for name, _ in complete}
    for name, value in ((REQUEST_ID, head.request_id.encode()), *_DEFAULTS.items()):
        if name not in present:
            complete.append((name, value))
    return complete
