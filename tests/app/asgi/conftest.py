"""The API as clients meet it: uvicorn on a free port, real sockets, real services behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from app.asgi import create_app
from app.asgi.entry import Entry
from app.asgi.graphql_endpoint import GraphQLEndpoint
from app.asgi.request_head import RequestHead
from app.errors import Unavailable
from app.identity.errors import InvalidAccessToken
from app.resources import Resources
from app.settings import GraphQLSettings, HttpSettings, Mode, OriginSettings, Settings
from app.telemetry import Metrics
from tests.app.asgi.serving import RunningServer, serving
from tests.graphql_schema.toy_schema import TOY_SCHEMA, ToyContext

Serve = Callable[..., Any]


@pytest.fixture
async def serve(settings: Settings, resources: Resources) -> AsyncIterator[Serve]:
    """Starts an API with some settings changed: `await serve(graphql={"introspection": False})`."""
    async with AsyncExitStack() as stack:

        async def start(**groups: dict[str, Any]) -> RunningServer:
            changed = {
                name: getattr(settings, name).model_copy(update=update)
                if isinstance(update, dict)
                else update
                for name, update in groups.items()
            }
            app = create_app(settings.model_copy(update=changed))
            return await stack.enter_async_context(serving(app))

        yield start


@pytest.fixture(scope="session")
async def _session_server(settings: Settings) -> AsyncIterator[RunningServer]:
    async with serving(create_app(settings)) as running:
        yield running


@pytest.fixture
def server(_session_server: RunningServer, resources: Resources) -> RunningServer:
    """One API for all tests that change nothing about it, in development mode."""
    return _session_server


@pytest.fixture
async def client(server: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        yield client


@dataclass
class ToyServer(RunningServer):
    """The endpoint over the toy schema, where everything that can go wrong does."""

    contexts: list[ToyContext] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)

    async def post(
        self, query: str, *, headers: dict[str, str] | None = None, **parameters: Any
    ) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.url, timeout=60) as client:
            return await client.post("/graphql", json={"query": query, **parameters}, headers=headers)

    def counted(self, operation: str, outcome: str) -> float:
        value = self.metrics.registry.get_sample_value(
            "lectern_graphql_operations_total", {"operation": operation, "outcome": outcome}
        )
        return value or 0.0


@pytest.fixture(scope="session")
async def toy() -> AsyncIterator[ToyServer]:
    metrics = Metrics()
    contexts: list[ToyContext] = []

    def build_context(head: RequestHead) -> Any:
        authorization = head.text(b"authorization")
        if authorization == "Bearer expired":
            raise InvalidAccessToken("The access token has expired.")
        if authorization == "Bearer busy":
            raise Unavailable("The database is busy.", retry_after_seconds=2)
        if authorization == "Bearer bug":
            raise RuntimeError("a secret")
        context = ToyContext(name=head.client_address)
        contexts.append(context)
        return asyncio.sleep(0, context) if authorization == "Bearer async" else context

    settings = Settings(
        mode=Mode.DEVELOPMENT,
        http=HttpSettings(operation_timeout=2),
        graphql=GraphQLSettings(max_nodes=1000),
        origins=OriginSettings(allowed_origins=("https://app.example",), trusted_proxies=("127.0.0.1",)),
    )
    entry = Entry(Starlette(), settings.origins)
    entry.mount(GraphQLEndpoint(settings, TOY_SCHEMA, metrics, build_context))
    async with serving(entry) as running:
        yield ToyServer(entry, running.port, contexts, metrics)
