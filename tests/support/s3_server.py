"""A real S3 server of one process: moto's, on a port of its own. And one that has a single answer."""

import asyncio
import importlib.util
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest


@contextmanager
def s3_server() -> Iterator[str]:
    """Yields its address, with an empty bucket `files`. Skips where moto's server is not installed."""
    for module in ("moto", "flask", "flask_cors"):
        if importlib.util.find_spec(module) is None:
            pytest.skip("moto[server] is not installed: it is among the development dependencies")
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class QuietHandler(WSGIRequestHandler):
        def log(self, *_: Any, **__: Any) -> None:
            pass

    application = DomainDispatcherApplication(create_backend_app)
    writing = threading.Lock()

    def one_writer(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        # S3 looks whether there is a file and writes it in one step; moto in two.
        if environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            return application(environ, start)
        with writing:
            return application(environ, start)

    server = make_server("127.0.0.1", 0, one_writer, threaded=True, request_handler=QuietHandler)
    server.daemon_threads = True  # type: ignore[attr-defined] # a client's open connection keeps nobody
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        httpx.put(f"{address}/files", timeout=60).raise_for_status()
        yield address
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@asynccontextmanager
async def answering(status: int) -> AsyncIterator[str]:
    """Yields the address of a server that answers everything with that status."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
