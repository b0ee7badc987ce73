"""The API as clients meet it: uvicorn on a free port, real sockets, real services behind it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn

from app.asgi import create_app
from app.resources import Resources
from app.settings import Settings


class _QuietServer(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Ctrl-C belongs to pytest.
        yield


@dataclass
class RunningServer:
    app: Any
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def raw(self, request: bytes, *, half_close: bool = False) -> bytes:
        """Sends bytes as they are and reads until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        if half_close:
            writer.write_eof()
        await writer.drain()
        try:
            return await asyncio.wait_for(reader.read(), 20)
        finally:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[RunningServer]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=None, lifespan="on", proxy_headers=False, timeout_graceful_shutdown=1)
        server = _QuietServer(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.01)
        try:
            yield RunningServer(app, listener.getsockname()[1])
        finally:
            server.should_exit = True
            await task


Serve = Callable[..., Any]


@pytest.fixture
async def serve(settings: Settings, resources: Resources) -> AsyncIterator[Serve]:
    """Starts an API with some settings changed: `await serve(graphql={"introspection": False})`."""
    async with AsyncExitStack() as stack:

        async def start(**groups: dict[str, Any]) -> RunningServer:
            changed = {
                name: getattr(settings, name).model_copy(update=update) if isinstance(update, dict) else update
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
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        yield client
