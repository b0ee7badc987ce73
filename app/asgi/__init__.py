"""Program 1: the API. `create_app(settings)` gives the ASGI application that `lectern serve` and `lectern dev` run.

Run it under uvicorn with `proxy_headers=False`: whom to believe about clients' addresses is a setting of ours.
"""

import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.asgi.account_pages import account_routes
from app.asgi.answers import error_body
from app.asgi.entry import PROGRESS_PATH, Entry
from app.asgi.file_routes import file_routes
from app.asgi.graphql_endpoint import GraphQLEndpoint
from app.asgi.ide import DemoLogin, ide_routes
from app.asgi.media_routes import media_routes
from app.asgi.process_metrics import Siblings, offering_metrics
from app.asgi.progress_endpoint import ProgressEndpoint
from app.asgi.progress_reporter import reporter_routes
from app.asgi.request_head import RequestHead
from app.asgi.service_routes import make_service_routes, pointer_route
from app.asgi.unsubscribe_page import unsubscribe_routes
from app.partitions import make_partitions
from app.resources import Resources, open_resources
from app.settings import Settings
from app.telemetry import request_id
from graphql_schema.context import Context, authenticate
from graphql_schema.errors import INTERNAL_MESSAGE
from graphql_schema.schema import build_schema

_log = logging.getLogger(__name__)


def create_app(
    settings: Settings, *, demo_logins: Sequence[DemoLogin] = (), siblings: Siblings | None = None
) -> Entry:
    """The whole API. Resources are opened when the server starts it and closed when it stops.

    `demo_logins` are offered by the IDE, so only where passwords are no secret. `siblings` are the processes of one port.
    """
    schema = build_schema()._schema  # noqa: SLF001 - the executor runs the graphql-core schema itself

    @asynccontextmanager
    async def lifespan(site: Starlette) -> AsyncIterator[None]:
        async with open_resources(settings) as resources, offering_metrics(resources.metrics, siblings):
            site.state.resources = resources
            await _prepare_partitions(resources)
            entry.mount(
                GraphQLEndpoint(
                    settings,
                    schema,
                    resources.metrics,
                    _context_builder(resources),
                    _context_builder(resources, patience=settings.progress.outage_patience),
                )
            )
            entry.mount(ProgressEndpoint(resources), PROGRESS_PATH)
            # The schema lives as long as the process. Left to the collector, its hundred thousand objects would be
            # walked again and again, 80 ms at a time.
            gc.collect()
            gc.freeze()
            yield

    site = Starlette(
        routes=[
            *make_service_routes(lambda: site.state.resources, siblings),
            *file_routes(lambda: site.state.resources),
            *media_routes(lambda: site.state.resources),
            *([] if settings.mail.account_url else account_routes()),
            *reporter_routes(),
            *unsubscribe_routes(lambda: site.state.resources),
            *(ide_routes(demo_logins=demo_logins) if settings.ide else (pointer_route(),)),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: _http_error, Exception: _bug},
    )
    entry = Entry(site, settings.origins)
    return entry


async def _prepare_partitions(resources: Resources) -> None:
    try:
        await make_partitions(resources.database)
    except Exception:  # noqa: BLE001 - logged; the role may also lack the right to make tables
        # Made a year ahead, and tried again each day: no reason not to serve.
        _log.warning("partitions could not be made ahead", exc_info=True)


def _context_builder(
    resources: Resources, *, patience: float = 0.0
) -> Callable[[RequestHead], Awaitable[Context]]:
    async def build_context(head: RequestHead) -> Context:
        authorization = head.text(b"authorization")
        actor = await authenticate(
            resources,
            {} if authorization is None else {"authorization": authorization},
            patience=patience,
        )
        return Context(
            resources,
            actor,
            request_id=head.request_id,
            client_address=head.client_address,
            user_agent=head.text(b"user-agent") or "",
        )

    return build_context


def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = error.detail.upper().replace(" ", "_")
    return Response(
        error_body(code, f"{error.detail}."),
        error.status_code,
        headers=dict(error.headers or {}),
        media_type="application/json",
    )


def _bug(_request: Request, _error: Exception) -> Response:
    # Starlette raises the error again after this answer; the entry logs it there.
    body = error_body("INTERNAL", INTERNAL_MESSAGE, requestId=request_id.get())
    return Response(body, 500, media_type="application/json")
