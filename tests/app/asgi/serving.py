"""Runs an ASGI application under uvicorn on a free port, for tests that speak to it over sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from app.resources import Resources


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

    @property
    def resources(self) -> Resources:
        """What the application opened for itself."""
        opened: Resources = self.app.site.state.resources
        return opened

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
    # asyncio turns Nagle's algorithm off only where the socket names its protocol; with it, the second of an
    # answer's two writes waits 40 ms for the client to acknowledge the first.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, log_config=None, lifespan="on", proxy_headers=False, timeout_graceful_shutdown=1
        )
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
