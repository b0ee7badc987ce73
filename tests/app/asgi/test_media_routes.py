"""Streams over real sockets: a manifest's relative addresses work, and nothing outside its folder."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from app.settings import StorageSettings
from app.storage import Storage
from tests.app.asgi.conftest import Serve
from tests.app.asgi.serving import RunningServer
from tests.support.s3_server import s3_server

PREFIX = "videos/7/0190"
LIFETIME = 3900
MANIFEST = "#EXTM3U\n#EXTINF:4,\nhigh/1.ts\n#EXT-X-ENDLIST\n"
SEGMENT = b"segment" * 100
HLS = "application/vnd.apple.mpegurl"


async def store(storage: Storage) -> str:
    """A stream of one segment; the path of its manifest."""
    await storage.put(f"{PREFIX}/master.m3u8", MANIFEST.encode(), HLS)
    await storage.put(f"{PREFIX}/high/1.ts", SEGMENT, "video/mp2t")
    await storage.put("videos/7/other.ts", b"not yours", "video/mp2t")
    return f"{urlsplit(storage.media_link(PREFIX, 'learners', LIFETIME).base).path}/master.m3u8"


@pytest.fixture
async def running(serve: Serve, tmp_path: Path) -> RunningServer:
    found: RunningServer = await serve(storage=StorageSettings(url=(tmp_path / "files").as_uri()))
    return found


@pytest.fixture
async def client(running: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.url, timeout=20) as made:
        yield made


async def test_a_stream_is_followed_from_its_manifest(
    client: httpx.AsyncClient, running: RunningServer
) -> None:
    address = await store(running.resources.storage)
    manifest = await client.get(address)
    assert (manifest.status_code, manifest.text) == (200, MANIFEST)
    assert manifest.headers["content-type"] == HLS
    assert 0 < int(manifest.headers["cache-control"].rpartition("=")[2]) <= LIFETIME
    segment = urljoin(address, MANIFEST.splitlines()[2])
    assert (await client.get(segment)).content == SEGMENT
    part = await client.get(segment, headers={"Range": "bytes=7-13"})
    assert (part.status_code, part.content) == (206, b"segment")
    assert (await client.head(segment)).headers["content-length"] == str(len(SEGMENT))


async def test_nothing_else_is_served(client: httpx.AsyncClient, running: RunningServer) -> None:
    address = await store(running.resources.storage)
    token = address.split("/")[2]
    tampered = token[:-1] + ("A" if token[-1] != "A" else "B")
    for path in (
        f"/media/{token}/videos/7/other.ts",
        f"/media/{tampered}/{PREFIX}/high/1.ts",
        f"/media/{token}/{PREFIX}/..%2fother.ts",
        f"/media/x/{PREFIX}/high/1.ts",
    ):
        assert (await client.get(path)).status_code == 403
    assert (await client.get(f"/media/{token}/{PREFIX}/high/2.ts")).status_code == 404
    assert (await client.put(address, content=b"x")).status_code == 405
    # A link to one file is none to a folder, nor the other way round.
    assert (await client.get(f"/files/{PREFIX}/high/1.ts?signature={token}")).status_code == 403


async def test_segments_in_s3_come_from_there(serve: Serve) -> None:
    with s3_server() as s3:
        bucket = StorageSettings(
            url="s3://files/media",
            endpoint=s3,
            access_key=SecretStr("lectern"),
            secret_access_key=SecretStr("a secret"),
            call_timeout=30,
            write_timeout=60,
        )
        running: RunningServer = await serve(storage=bucket)
        address = await store(running.resources.storage)
        async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
            # Sent elsewhere for the manifest, a player would look there for the segments, without a signature.
            assert (await client.get(address)).text == MANIFEST
            answer = await client.get(urljoin(address, "high/1.ts"))
            assert answer.status_code == 307
            assert (await client.get(answer.headers["location"])).content == SEGMENT


async def test_uploaded_through_a_link_and_played_through_another(
    client: httpx.AsyncClient, running: RunningServer
) -> None:
    storage = running.resources.storage
    for name, body in (("master.m3u8", MANIFEST.encode()), ("high/1.ts", SEGMENT)):
        link = storage.link(f"{PREFIX}/{name}", 3600, method="PUT", size=len(body))
        parts = urlsplit(link.url)
        path = f"{parts.path}?{parts.query}"
        assert (await client.put(path, content=body + b"x", headers=link.headers)).status_code == 413
        assert (
            await client.put(path, content=body, headers={"Content-Type": "text/html"})
        ).status_code == 415
        assert (await client.put(path, content=body, headers=link.headers)).status_code == 201
        assert (await client.put(path, content=body, headers=link.headers)).status_code == 412
        assert (await client.put(path.replace("size=", "size=1"), content=body)).status_code == 403
    address = f"{urlsplit(storage.media_link(PREFIX, 'learners', LIFETIME).base).path}/master.m3u8"
    assert (await client.get(address)).text == MANIFEST
    assert (await client.get(urljoin(address, "high/1.ts"))).content == SEGMENT
