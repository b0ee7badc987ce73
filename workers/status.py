"""What a worker tells about itself over HTTP: /healthz, /readyz, /metrics. Too little for a web framework."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.settings import WorkerSettings
from app.telemetry import Metrics

_PATIENCE = 5.0  # seconds for a request's head
_STALE = 15.0  # seconds without a look at the queue, which is looked at twice a second


class Status:
    """When the worker last looked at its queue."""

    def __init__(self) -> None:
        self._beat_at = float("-inf")

    def beat(self) -> None:
        self._beat_at = monotonic()

    @property
    def at_work(self) -> bool:
        return monotonic() - self._beat_at < _STALE


@asynccontextmanager
async def serve_status(
    settings: WorkerSettings, metrics: Metrics, status: Status, listener: socket.socket | None = None
) -> AsyncIterator[None]:
    """Answers during the block, on `listener` if there is one; not at all where the port is 0."""
    if listener is None and settings.port == 0:
        yield
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that leaves early has lost its answer, nothing else.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_answer(head.split(b" ", 2)[:2], metrics, status))
                await writer.drain()
        writer.close()

    async with await (
        asyncio.start_server(answer, settings.host, settings.port)
        if listener is None
        else asyncio.start_server(answer, sock=listener)
    ):
        yield


def _answer(request: list[bytes], metrics: Metrics, status: Status) -> bytes:
    kind = "application/json"
    match request:
        case [b"GET", b"/healthz"]:
            line, body = "200 OK", b'{"status":"alive"}'
        case [b"GET", b"/readyz"] if status.at_work:
            line, body = "200 OK", b'{"status":"ready"}'
        case [b"GET", b"/readyz"]:
            line, body = "503 Service Unavailable", b'{"status":"unavailable"}'
        case [b"GET", b"/metrics"]:
            line, body, kind = "200 OK", generate_latest(metrics.registry), CONTENT_TYPE_LATEST
        case _:
            line, body = "404 Not Found", b'{"status":"unknown"}'
    head = (
        f"HTTP/1.1 {line}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
