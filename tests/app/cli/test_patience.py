"""Connections that send no whole head are closed; those that send a body, idle after an answer, or became sockets are not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from app.cli.patience import patient

SHORT, LONG = 0.2, 1.5
"""Seconds: for who is to be closed, and, on a busy machine, for who is not."""
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def echo_socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


@asynccontextmanager
async def serving(patience: float) -> AsyncIterator[int]:
    """The port. Idle connections would stay for a quarter of an hour."""
    config = uvicorn.Config(
        Starlette(routes=[Route("/", echo, methods=["POST"]), WebSocketRoute("/", echo_socket)]),
        http=patient(patience),
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=1000,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve([listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task


@pytest.fixture
async def strict() -> AsyncIterator[int]:
    async with serving(SHORT) as port:
        yield port


@pytest.fixture
async def lenient() -> AsyncIterator[int]:
    async with serving(LONG) as port:
        yield port


async def opened(port: int) -> Streams:
    return await asyncio.open_connection("127.0.0.1", port)


async def closed(reader: asyncio.StreamReader) -> bool:
    """Returns once the server has closed. The minute is for a failure."""
    try:
        return await asyncio.wait_for(reader.read(), 60) == b""
    except ConnectionResetError:
        return True


async def patience_is_over(port: int) -> None:
    """For whoever connected before."""
    reader, writer = await opened(port)
    assert await closed(reader)
    writer.close()


async def exchange(streams: Streams, request: bytes) -> bytes:
    reader, writer = streams
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    return await reader.readexactly(4)


async def test_who_says_nothing_is_not_waited_for(strict: int) -> None:
    await patience_is_over(strict)


@pytest.mark.parametrize("before", [b"", HEAD + b"body"])
@pytest.mark.parametrize("piece", [b"a", b"\r\n"])
async def test_who_trickles_is_not_waited_for(strict: int, before: bytes, piece: bytes) -> None:
    """At the beginning, or behind an answer; also with empty lines, which begin no request."""
    reader, writer = streams = await opened(strict)
    if before:
        assert await exchange(streams, before) == b"body"
    if piece == b"a":
        writer.write(b"GET / HTTP/1.1\r\nx: ")

    async def trickle() -> None:
        while True:
            writer.write(piece)
            await asyncio.sleep(SHORT / 10)

    trickling = asyncio.create_task(trickle())
    assert await closed(reader)
    trickling.cancel()
    writer.close()


async def test_a_body_may_take_longer(lenient: int) -> None:
    streams = await opened(lenient)
    streams[1].write(HEAD + b"bo")
    await patience_is_over(lenient)
    assert await exchange(streams, b"dy") == b"body"
    streams[1].close()


async def test_who_was_answered_may_idle(lenient: int) -> None:
    streams = await opened(lenient)
    assert await exchange(streams, HEAD + b"body") == b"body"
    await patience_is_over(lenient)
    # Head and body in many pieces, but in time.
    for byte in HEAD:
        streams[1].write(bytes([byte]))
    assert await exchange(streams, b"body") == b"body"
    streams[1].close()


async def test_a_socket_stays(lenient: int) -> None:
    async with connect(f"ws://127.0.0.1:{lenient}/") as websocket:
        await patience_is_over(lenient)
        await websocket.send("still here")
        assert await websocket.recv() == "still here"
