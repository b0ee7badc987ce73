"""Whatever one viewer asks for, the others are served: nothing but a storage that is away shuts reading off."""

import asyncio
import os
import secrets
import socket
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

from app.circuits import FAILURES
from app.settings import StorageSettings
from app.storage import Link
from tests.app.asgi.conftest import Serve
from tests.app.asgi.serving import RunningServer
from tests.app.asgi.test_media_routes import HLS, LIFETIME, MANIFEST, PREFIX, outcomes
from tests.support.s3_server import answering, s3_server

MANY = FAILURES + 1
TS = "video/mp2t"


def bucket(address: str, write_timeout: float = 60) -> StorageSettings:
    return StorageSettings(
        url=f"s3://files/{secrets.token_hex(8)}",
        endpoint=address,
        access_key=SecretStr("lectern"),
        secret_access_key=SecretStr("a secret"),
        call_timeout=30,
        write_timeout=write_timeout,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture(params=["folder", "s3"])
async def running(request: pytest.FixtureRequest, serve: Serve, folder: Path) -> AsyncIterator[RunningServer]:
    if request.param == "folder":
        yield await serve(storage=StorageSettings(url=folder.as_uri()))
        return
    with s3_server() as address:
        yield await serve(storage=bucket(address))


@pytest.fixture
async def client(running: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as made:
        yield made


def link(running: RunningServer, name: str) -> str:
    made = running.resources.storage.media_link(PREFIX, "everybody", LIFETIME, now=time.time())
    return f"{urlsplit(made.base).path}/{name}"


def circuit(running: RunningServer) -> tuple[float, float]:
    """Whether it is open, and how many calls it has turned away."""
    value = running.resources.metrics.registry.get_sample_value
    is_open = value("lectern_circuit_open", {"port": "storage"})
    refusals = value("lectern_circuit_refusals_total", {"port": "storage"})
    return is_open or 0, refusals or 0


# Below a manifest whose link anybody is given. What names other files is looked for in S3 too; segments S3 is asked for
# by the player.
HOSTILE = {
    # Through a file, and no file itself.
    "master.m3u8/x.m3u8": 404,
    "master.m3u8/a/b/c.m3u8": 404,
    "high.m3u8": 404,
    "a.m3u8/": 403,
    "none.m3u8": 404,
    "none/none.m3u8": 404,
    # As long as a key may be, and longer: a segment, a path, its depth.
    f"{'x' * 123}.m3u8": 404,
    f"{'x' * 124}.m3u8": 403,
    f"{'x' * 252}.m3u8": 403,
    "/".join(["x" * 100] * 4) + ".m3u8": 404,
    "/".join(["x" * 120] * 40) + ".m3u8": 403,
    "/".join("x" * 20) + ".m3u8": 403,
    # What is no name.
    "a%00.m3u8": 403,
    "%ed%a0%80.m3u8": 403,
    "%ff.m3u8": 403,
    "%2e%2e/other.m3u8": 403,
    "..%2fother.m3u8": 403,
    "master.m3u8%23": 403,
    ".m3u8": 403,
    "": 403,
}


async def test_no_path_shuts_reading_off(client: httpx.AsyncClient, running: RunningServer) -> None:
    storage = running.resources.storage
    await storage.put(f"{PREFIX}/master.m3u8", MANIFEST.encode(), HLS)
    await storage.put(f"{PREFIX}/high.m3u8/1.ts", b"segment", TS)
    await storage.put(f"{PREFIX}/empty.m3u8", b"", HLS)
    good = link(running, "master.m3u8")
    expected = Counter[str]()
    for path, status in HOSTILE.items():
        for method in ("GET", "HEAD"):
            for _ in range(MANY):
                answer = await client.request(method, link(running, path))
                assert (path, answer.status_code) == (path, status)
                expected["missing" if status == 404 else "refused"] += 1
        assert (await client.get(good)).text == MANIFEST
        expected["served"] += 1
    for range_ in ("bytes=0-", "bytes=0-0", "bytes=-1", "bytes=5-9"):
        for _ in range(MANY):
            answer = await client.get(link(running, "empty.m3u8"), headers={"Range": range_})
            assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */0")
            expected["unsatisfiable"] += 1
    assert circuit(running) == (0, 0)
    assert outcomes(running) == expected


async def test_many_at_once_shut_nobody_off(client: httpx.AsyncClient, running: RunningServer) -> None:
    await running.resources.storage.put(f"{PREFIX}/master.m3u8", MANIFEST.encode(), HLS)
    good = link(running, "master.m3u8")

    async def status(path: str) -> int:
        return (await client.get(path)).status_code

    answers = await asyncio.gather(
        *(status(f"{good}/x.m3u8") for _ in range(30)), *(status(good) for _ in range(5))
    )
    assert Counter(answers) == {404: 30, 200: 5}
    assert circuit(running) == (0, 0)


async def test_readers_that_hang_up_shut_nobody_off(
    client: httpx.AsyncClient, running: RunningServer
) -> None:
    large = b"#EXTM3U\n" * (1 << 20)
    await running.resources.storage.put(f"{PREFIX}/master.m3u8", large, HLS)
    good = link(running, "master.m3u8")
    for _ in range(MANY):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(f"GET {good} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert await reader.readexactly(12) == b"HTTP/1.1 200"
        writer.transport.abort()
    assert (await client.get(good)).content == large
    assert circuit(running) == (0, 0)


@pytest.mark.parametrize(
    ("status", "answered", "outcome", "opens"),
    [
        (400, 503, "unavailable", False),
        (403, 503, "unavailable", False),
        (404, 404, "missing", False),
        (416, 404, "missing", False),
        (500, 503, "unavailable", True),
        (503, 503, "unavailable", True),
    ],
)
async def test_what_s3_answers(
    serve: Serve, status: int, answered: int, outcome: str, *, opens: bool
) -> None:
    async with answering(status) as address:
        # `write_timeout` is also until when what may pass is tried again.
        running: RunningServer = await serve(storage=bucket(address, 0.001))
        async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
            for number in range(MANY):
                answer = await client.request("GET" if number % 2 else "HEAD", link(running, "a.m3u8"))
                assert answer.status_code == answered
                assert ("retry-after" in answer.headers) is (answered == 503)
        # The last one asks nobody any more.
        assert circuit(running) == ((1, 1) if opens else (0, 0))
        assert outcomes(running) == {outcome: MANY}


async def test_a_disk_that_is_away_opens_the_circuit(serve: Serve, folder: Path) -> None:
    running: RunningServer = await serve(storage=StorageSettings(url=folder.as_uri()))
    await running.resources.storage.put(f"{PREFIX}/good.ts", b"segment", TS)
    with socket.socket(socket.AF_UNIX) as one, tempfile.TemporaryDirectory() as short:
        # To open a socket's file fails as a device does that has gone. Its address is a hundred bytes at most.
        one.bind(f"{short}/x")
        os.rename(f"{short}/x", folder / PREFIX / "gone.ts")  # noqa: PTH104
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
        for _ in range(FAILURES):
            assert (await client.get(link(running, "gone.ts"))).status_code == 503
        assert (await client.get(link(running, "good.ts"))).status_code == 503
    assert circuit(running) == (1, 1)
    assert outcomes(running) == {"unavailable": MANY}


@pytest.mark.parametrize("running", ["folder"], indirect=True)
@pytest.mark.parametrize("size", [10, 5 << 20], ids=["small", "parts"])
@pytest.mark.parametrize(("first", "second"), [("a.ts", "a.ts/b.ts"), ("a.ts/b.ts", "a.ts")])
async def test_an_upload_through_a_file_is_refused(
    client: httpx.AsyncClient, running: RunningServer, first: str, second: str, size: int
) -> None:
    storage = running.resources.storage
    await storage.put(f"{PREFIX}/{first}", b"first", TS)

    def upload(name: str) -> Link:
        return storage.link(f"{PREFIX}/{name}", 3600, method="PUT", size=size)

    async def put(name: str) -> int:
        made = upload(name)
        address = urlsplit(made.url)
        path = f"{address.path}?{address.query}"
        return (await client.put(path, content=b"x" * size, headers=dict(made.headers))).status_code

    assert [await put(second) for _ in range(MANY)] == [412] * MANY
    assert circuit(running) == (0, 0)
    assert (await client.get(link(running, first))).content == b"first"
    assert await put("c.ts") == 201
