"""Streams over real sockets: a manifest's relative addresses work, and nothing outside its folder."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from app.errors import Unavailable
from app.settings import StorageSettings
from app.storage import Storage
from app.storage.links import Wish
from tests.app.asgi.conftest import Serve
from tests.app.asgi.serving import RunningServer
from tests.factories.catalog import make_course_of, make_staff
from tests.factories.identity import MadeUser
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
    return (
        f"{urlsplit(storage.media_link(PREFIX, 'learners', LIFETIME, now=time.time()).base).path}/master.m3u8"
    )


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


def outcomes(running: RunningServer) -> dict[str, float]:
    """How often each has been counted so far."""
    (family,) = running.resources.metrics.media_requests.collect()
    return {
        sample.labels["outcome"]: sample.value for sample in family.samples if sample.name.endswith("_total")
    }


async def test_every_outcome_is_counted(
    client: httpx.AsyncClient, running: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = running.resources.storage
    address = await store(storage)
    segment = urljoin(address, "high/1.ts")
    etag = (await client.get(segment)).headers["etag"]
    ended = urlsplit(storage.media_link(PREFIX, "learners", LIFETIME, now=time.time() - LIFETIME - 1).base)
    for method, path, headers, status in (
        ("HEAD", segment, {}, 200),
        ("GET", segment, {"Range": "bytes=0-0"}, 206),
        ("GET", segment, {"If-None-Match": etag}, 304),
        ("GET", segment, {"Range": "bytes=700-"}, 416),
        ("GET", f"{ended.path}/high/1.ts", {}, 403),
        # As long over, and forged: who tries learns no more than before.
        ("GET", f"{ended.path[:-1]}x/high/1.ts", {}, 403),
        ("GET", f"/media/x/{PREFIX}/high/1.ts", {}, 403),
        ("GET", f"{segment}.ts", {}, 404),
    ):
        assert (await client.request(method, path, headers=headers)).status_code == status

    async def away(*_: object, **__: object) -> None:
        raise Unavailable("The storage cannot be used.")

    monkeypatch.setattr(storage, "head", away)
    assert (await client.get(segment)).status_code == 503
    assert outcomes(running) == {
        "served": 2,
        "partial": 1,
        "unchanged": 1,
        "unsatisfiable": 1,
        "expired": 1,
        "refused": 2,
        "missing": 1,
        "unavailable": 1,
    }


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
            assert (answer.status_code, answer.headers["cache-control"]) == (307, "public, max-age=300")
            assert (await client.get(answer.headers["location"])).content == SEGMENT
        assert outcomes(running) == {"served": 1, "redirected": 1}


class Speaker:
    """Somebody who speaks to the API over HTTP."""

    def __init__(self, client: httpx.AsyncClient, running: RunningServer, user: MadeUser) -> None:
        token = running.resources.access_tokens.issue(user.number, user.role).token
        self._client, self._headers = client, {"Authorization": f"Bearer {token}"}

    async def ask(self, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        answer = (await self._client.post("/graphql", json=body, headers=self._headers)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def change(self, verb: str, selection: str, **values: Any) -> Any:
        kind = f"{verb[0].upper()}{verb[1:]}Input"
        document = f"mutation ($input: {kind}!) {{ it: {verb}(input: $input) {{ {selection} userErrors {{ code path }} }} }}"
        payload = (await self.ask(document, input=values))["it"]
        assert payload.pop("userErrors") == []
        return payload

    async def playback(self, lesson: str) -> Any:
        document = "query ($id: ID!) { node(id: $id) { ... on Lesson { video { playback { url captions { url } } } } } }"
        return (await self.ask(document, id=lesson))["node"]["video"]["playback"]


def local(url: str) -> str:
    """Tests listen on another port than links name."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


async def upload(client: httpx.AsyncClient, file: dict[str, Any], body: bytes) -> None:
    """Once, as asked for; refused in every other way, before and after."""
    path = local(file["url"])
    headers = {header["name"]: header["value"] for header in file["headers"]}

    async def put(path: str, body: bytes, **other: str) -> int:
        answer = await client.put(path, content=body, headers=headers | {"Content-Type": type_, **other})
        return answer.status_code

    type_ = headers["Content-Type"]
    assert await put(path, body + b"x") == 413
    assert await put(path, body[:-1]) == 413
    assert await put(path, body, **{"Content-Type": "text/html"}) == 415
    for part, changed in (("size=", "size=1"), ("expires=", "expires=9"), ("signature=", "signature=A")):
        assert await put(path.replace(part, changed), body) == 403
    assert await put(path.replace(file["key"], f"{file['key']}x"), body) == 403
    assert await put(path, body) == 201
    assert await put(path, body) == 412


async def test_from_an_upload_to_its_viewers(client: httpx.AsyncClient, running: RunningServer) -> None:
    resources = running.resources
    staff = await make_staff(resources.database)
    course = await make_course_of(resources.database, staff)
    teacher = Speaker(client, running, staff.lead)
    learner, foreign = (Speaker(client, running, user) for user in (staff.student, staff.stranger))
    bodies = {"master.m3u8": MANIFEST.encode(), "high/1.ts": SEGMENT, "en.vtt": b"WEBVTT\n"}
    files = [{"name": name, "sizeBytes": len(body)} for name, body in bodies.items()]
    asked = await teacher.change(
        "requestVideoUpload",
        "upload { files { key url headers { name value } } }",
        courseId=course.id,
        files=files,
    )
    master, segment, captions = asked["upload"]["files"]
    for file, body in zip((master, segment, captions), bodies.values(), strict=True):
        await upload(client, file, body)
    late = resources.storage._signer.sign(
        Wish("PUT", f"{master['key']}x.ts", "video/mp2t", size=1),
        signed_at=int(time.time()) - 61,
        lifetime=60,
    )
    assert (await client.put(local(late.url), content=b"x", headers=late.headers)).status_code == 403

    lesson = (
        await teacher.change(
            "addLesson",
            "lesson { id }",
            moduleId=course.modules[0],
            title="Watch",
            kind="VIDEO",
            video={
                "durationSeconds": 4,
                "manifestKey": master["key"],
                "captions": [{"language": "en", "key": captions["key"]}],
            },
        )
    )["lesson"]["id"]
    assert await learner.playback(lesson) is None
    await learner.change("enroll", "enrollment { state }", courseId=course.id)
    playback = await learner.playback(lesson)
    manifest = await client.get(local(playback["url"]))
    assert (manifest.text, manifest.headers["vary"]) == (MANIFEST, "Origin")
    assert manifest.headers["cache-control"].startswith("public, max-age=")
    assert (await client.get(urljoin(local(playback["url"]), MANIFEST.splitlines()[2]))).content == SEGMENT
    assert (await client.get(local(playback["captions"][0]["url"]))).text == "WEBVTT\n"

    # Who leaves gets no link any more; the one that they have ends by itself, and shortly.
    assert await foreign.playback(lesson) is None
    await learner.change("withdraw", "enrollment { state }", courseId=course.id)
    assert await learner.playback(lesson) is None
    assert (await client.get(local(playback["url"]))).status_code == 200
    folder = master["key"].rpartition("/")[0]
    ended = resources.storage.media_link(folder, "learners", LIFETIME, now=time.time() - LIFETIME - 1)
    assert (await client.get(f"{local(ended.base)}/master.m3u8")).status_code == 403

    links = resources.metrics.registry.get_sample_value(
        "lectern_playback_links_total", {"audience": "learners"}
    )
    assert links == 1
    assert outcomes(running) == {"served": 4, "expired": 1}
