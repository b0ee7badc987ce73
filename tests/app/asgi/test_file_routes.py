"""Stored files over real sockets: who has a link gets the bytes, and nobody gets anything else."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from app.settings import StorageSettings
from app.storage import Link, NoSuchFile, Storage
from tests.app.asgi.conftest import Serve
from tests.app.asgi.serving import RunningServer
from tests.app.storage.conftest import pieces

KEY = "certificates/1.pdf"
HOUR = 3600
BODY = b"0123456789" * 100


@pytest.fixture
async def running(serve: Serve, tmp_path: Path) -> RunningServer:
    found: RunningServer = await serve(storage=StorageSettings(url=(tmp_path / "files").as_uri()))
    return found


@pytest.fixture
def storage(running: RunningServer) -> Storage:
    return running.resources.storage


@pytest.fixture
async def client(running: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.url, timeout=20) as made:
        yield made


def path(link: Link) -> str:
    """Without the host: links name the public address, which no test has."""
    address = urlsplit(link.url)
    return f"{address.path}?{address.query}"


async def test_who_has_a_link_gets_the_file(client: httpx.AsyncClient, storage: Storage) -> None:
    await storage.put(KEY, BODY, "application/pdf")
    address = path(storage.link(KEY, HOUR))
    answer = await client.get(address)
    assert (answer.status_code, answer.content) == (200, BODY)
    headers = answer.headers
    assert headers["content-type"] == "application/pdf"
    assert headers["content-length"] == "1000"
    assert headers["content-disposition"] == "inline"
    assert headers["accept-ranges"] == "bytes"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"].startswith("private, max-age=")
    assert 0 < int(headers["cache-control"].rpartition("=")[2]) <= HOUR
    again = await client.get(address, headers={"If-None-Match": headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = await client.head(address)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "1000")


@pytest.mark.parametrize("key", ["a.html", "a.svg", "a.txt", "a.bin"])
async def test_nothing_runs_on_our_address(client: httpx.AsyncClient, storage: Storage, key: str) -> None:
    content_type = {"html": "text/html", "svg": "image/svg+xml", "txt": "text/plain"}.get(
        key[2:], "application/octet-stream"
    )
    await storage.put(key, b"<script>alert(1)</script>", content_type)
    answer = await client.get(path(storage.link(key, HOUR)))
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_name_to_save_it_under(client: httpx.AsyncClient, storage: Storage) -> None:
    await storage.put(KEY, BODY, "application/pdf")
    answer = await client.get(path(storage.link(KEY, HOUR, download_name="Zeugnis für Ann.pdf")))
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"Zeugnis f_r Ann.pdf\"; filename*=UTF-8''Zeugnis%20f%C3%BCr%20Ann.pdf"
    )


@pytest.mark.parametrize(
    ("range_", "expected", "content_range"),
    [
        ("bytes=0-9", BODY[:10], "bytes 0-9/1000"),
        ("bytes=990-", BODY[990:], "bytes 990-999/1000"),
        ("bytes=-5", BODY[-5:], "bytes 995-999/1000"),
        ("bytes=995-5000", BODY[995:], "bytes 995-999/1000"),
    ],
)
async def test_a_range(
    client: httpx.AsyncClient, storage: Storage, range_: str, expected: bytes, content_range: str
) -> None:
    await storage.put(KEY, BODY, "application/pdf")
    answer = await client.get(path(storage.link(KEY, HOUR)), headers={"Range": range_})
    assert (answer.status_code, answer.content) == (206, expected)
    assert answer.headers["content-range"] == content_range
    assert answer.headers["content-length"] == str(len(expected))


async def test_ranges_that_cannot_be(client: httpx.AsyncClient, storage: Storage) -> None:
    await storage.put(KEY, BODY, "application/pdf")
    address = path(storage.link(KEY, HOUR))
    behind = await client.get(address, headers={"Range": "bytes=1000-"})
    assert (behind.status_code, behind.headers["content-range"]) == (416, "bytes */1000")
    # Several at once, or none at all, are answered with the whole.
    for header in ("bytes=0-1,5-6", "bytes=x", "lines=0-1"):
        answer = await client.get(address, headers={"Range": header})
        assert (answer.status_code, answer.content) == (200, BODY)
    etag = answer.headers["etag"]
    for if_range, status in ((etag, 206), ('"other"', 200), (f"W/{etag}", 200)):
        answer = await client.get(address, headers={"Range": "bytes=0-1", "If-Range": if_range})
        assert answer.status_code == status


async def test_a_large_file_comes_whole(client: httpx.AsyncClient, storage: Storage) -> None:
    await storage.put("v.mp4", pieces(20), "video/mp4")
    answer = await client.get(path(storage.link("v.mp4", HOUR)))
    assert answer.content == b"".join([piece async for piece in pieces(20)])


async def test_without_a_good_link_nothing_is_said(client: httpx.AsyncClient, storage: Storage) -> None:
    await storage.put(KEY, BODY, "application/pdf")
    good = path(storage.link(KEY, HOUR))
    other = path(storage.link("certificates/2.pdf", HOUR))
    upload = path(storage.link("certificates/3.pdf", HOUR, method="PUT", size=3))
    refused = [
        good.partition("?")[0],
        good + "x",
        good.replace("expires=", "expires=9"),
        good.replace("1.pdf", "2.pdf"),
        other.replace("2.pdf", "1.pdf"),
        upload,
        "/files/",
        "/files/../../etc/passwd",
        "/files/%2e%2e/%2e%2e/etc/passwd",
    ]
    answers = [await client.get(address) for address in refused]
    assert {answer.status_code for answer in answers} <= {403, 404}
    assert all(answer.status_code == 403 for answer in answers[:7])
    # A file that is there and one that is not look alike.
    assert len({answer.content for answer in answers[:4]}) == 1
    assert (await client.get(other)).status_code == 404


async def test_an_upload_is_taken_once(client: httpx.AsyncClient, storage: Storage) -> None:
    link = storage.link("uploads/a.png", HOUR, method="PUT", size=5)
    assert link.headers == {"Content-Type": "image/png"}
    for content, headers, status in (
        (b"12345", {}, 415),
        (b"12345", {"Content-Type": "text/html"}, 415),
        (b"123456", link.headers, 413),
        (b"1234", link.headers, 413),
        (b"12345", link.headers, 201),
        (b"abcde", link.headers, 412),
    ):
        answer = await client.put(path(link), content=content, headers=dict(headers))
        assert answer.status_code == status
    assert await (await storage.open("uploads/a.png")).read() == b"12345"
    read = path(storage.link("uploads/a.png", HOUR))
    assert (await client.put(read, content=b"12345", headers=dict(link.headers))).status_code == 403


async def test_an_upload_that_breaks_off_leaves_nothing(running: RunningServer, storage: Storage) -> None:
    link = storage.link("uploads/b.png", HOUR, method="PUT", size=100)
    head = f"PUT {path(link)} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\n"
    await running.raw(head.encode() + b"half", half_close=True)
    with pytest.raises(NoSuchFile):
        await storage.head("uploads/b.png")


async def test_where_s3_serves_the_files_we_serve_none(serve: Serve) -> None:
    from pydantic import SecretStr

    settings = StorageSettings(url="s3://files", access_key=SecretStr("k"), secret_access_key=SecretStr("s"))
    running = await serve(storage=settings)
    async with httpx.AsyncClient(base_url=running.url) as client:
        assert (await client.get("/files/a.pdf")).status_code == 403
        assert (await client.put("/files/a.pdf", content=b"x")).status_code == 403
