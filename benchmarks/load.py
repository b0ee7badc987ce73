"""Load on one server: keep-alive connections that each send the next request when the answer is there and checked.

Raw sockets, because a client of the usual kind would cost more CPU than the servers under test.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

_TIMEOUT = 120.0  # seconds for one round


class WrongAnswerError(Exception):
    """An answer that is not, byte for byte, the one that was verified: the figures would be worthless."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round took. `seconds` is wall time, `latencies` one value a request in seconds."""

    seconds: float
    latencies: list[float]


def request_bytes(port: int, body: bytes, *headers: str) -> bytes:
    """A POST to /graphql as it goes over the wire; `headers` are whole lines."""
    more = "".join(f"{header}\r\n" for header in headers)
    return (
        f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


class _Client(asyncio.Protocol):
    def __init__(self, request: bytes, expected: bytes, take: Callable[[], bool], status: int) -> None:
        self._status_line = f"HTTP/1.1 {status} ".encode()
        self._request = request
        self._expected = expected
        self._take = take
        self._received = bytearray()
        self._complete_at = 0
        self._began = 0.0
        self.latencies: list[float] = []
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's classes, only like them.
        self._transport = cast(asyncio.Transport, transport)

    def start(self) -> None:
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._complete_at:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._complete_at = end + 4 + self._content_length(bytes(self._received[:end]))
        if len(self._received) >= self._complete_at:
            self._answered()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_exception(WrongAnswerError(f"the server closed the connection ({exc})"))

    def _content_length(self, head: bytes) -> int:
        if head.startswith(self._status_line):
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    return int(line.partition(b":")[2])
        self._fail(f"not a plain {self._status_line!r}: {head!r}")
        return 0

    def _answered(self) -> None:
        self.latencies.append(time.perf_counter() - self._began)
        if not self._received.endswith(self._expected) or self._body_length() != len(self._expected):
            self._fail(f"answer {bytes(self._received[:2000])!r}")
            return
        self._received.clear()
        self._complete_at = 0
        self._next()

    def _body_length(self) -> int:
        return self._complete_at - self._received.find(b"\r\n\r\n") - 4

    def _next(self) -> None:
        if self._take():
            self._began = time.perf_counter()
            self._transport.write(self._request)
        elif not self.finished.done():
            self.finished.set_result(None)
            self._transport.close()

    def _fail(self, reason: str) -> None:
        if not self.finished.done():
            self.finished.set_exception(WrongAnswerError(reason))
        self._transport.close()


async def run_round(port: int, body: bytes, expected: bytes, *, requests: int, connections: int) -> Round:
    """Sends `requests` in all over `connections`. Raises WrongAnswerError at the first wrong byte."""
    return await run_requests(port, [(request_bytes(port, body), expected)] * connections, requests=requests)


async def run_requests(
    port: int, wanted: Sequence[tuple[bytes, bytes]], *, requests: int, status: int = 200
) -> Round:
    """A connection for each (request, expected body), `requests` over all of them. Raises as `run_round`."""
    left = requests

    def take() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    loop = asyncio.get_running_loop()
    opening: list[Awaitable[tuple[asyncio.Transport, _Client]]] = [
        loop.create_connection(partial(_Client, request, expected, take, status), "127.0.0.1", port)
        for request, expected in wanted
    ]
    clients = [client for _, client in await asyncio.gather(*opening)]
    async with asyncio.timeout(_TIMEOUT):
        began = time.perf_counter()
        for client in clients:
            client.start()
        await asyncio.gather(*(client.finished for client in clients))
        seconds = time.perf_counter() - began
    return Round(seconds, [latency for client in clients for latency in client.latencies])
