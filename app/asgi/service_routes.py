"""What operators and other services ask: alive, ready, metrics, the keys that verify our tokens."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final

import orjson
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.asgi.process_metrics import Siblings, exposed
from app.errors import Unavailable
from app.resources import Resources

# Load balancers ask every few seconds: an answer that comes later than this is none.
CHECK_TIMEOUT: Final = 2.0


def make_service_routes(resources: Callable[[], Resources], siblings: Siblings | None = None) -> list[Route]:
    """`resources` gives what the lifespan has opened; `siblings` are the processes of one port."""

    async def alive(_request: Request) -> Response:
        return _json({"status": "alive"})

    async def ready(_request: Request) -> Response:
        opened = resources()
        checks = await asyncio.gather(_check(opened.database.ping), _check(opened.keyvalue.ping))
        dependencies = dict(zip(("database", "redis"), checks, strict=True))
        up = all(check["state"] == "up" for check in checks)
        return _json(
            {"status": "ready" if up else "unavailable", "dependencies": dependencies}, 200 if up else 503
        )

    async def metrics(_request: Request) -> Response:
        exposition = await exposed(resources().metrics, siblings)
        return Response(exposition, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def keys(_request: Request) -> Response:
        # Short enough that a new key is known everywhere before it signs, see the overlap of key rotation.
        return _json(resources().signing_keys.jwks(), headers={"Cache-Control": "public, max-age=300"})

    return [
        Route("/healthz", alive),
        Route("/readyz", ready),
        Route("/metrics", metrics),
        Route("/.well-known/jwks.json", keys),
    ]


def pointer_route() -> Route:
    """GET / where no IDE is served: where to go instead."""

    async def pointer(_request: Request) -> Response:
        return _json({"service": "lectern", "graphql": "/graphql"})

    return Route("/", pointer)


async def _check(ping: Callable[[], Awaitable[None]]) -> dict[str, Any]:
    began = perf_counter()
    state = "up"
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await ping()
    except (Unavailable, TimeoutError):
        state = "down"
    return {"state": state, "milliseconds": round((perf_counter() - began) * 1000, 2)}


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
