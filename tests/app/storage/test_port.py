import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import obstore
import pytest

from app.circuits import FAILURES
from app.errors import Unavailable
from app.storage import AlreadyExists, FileTooLarge, NoSuchFile, RangeNotSatisfiable, Storage
from app.storage.pieces import SMALL
from tests.app.storage.conftest import Open, pieces

KEY = "certificates/2030/LEC-1.pdf"
PDF = "application/pdf"
MiB = 1 << 20


def counted(storage: Storage, kind: str, outcome: str) -> float:
    registry = storage._calls._metrics.registry
    return registry.get_sample_value("lectern_storage_calls_total", {"kind": kind, "outcome": outcome}) or 0.0


async def keys_of(storage: Storage, prefix: str = "") -> list[str]:
    return sorted([file.key async for file in storage.list(prefix)])


async def test_what_is_put_is_there(storage: Storage) -> None:
    began = datetime.now(UTC) - timedelta(seconds=2)
    await storage.put(KEY, b"a certificate", PDF)
    content = await storage.open(KEY)
    assert await content.read() == b"a certificate"
    file = await storage.head(KEY)
    assert file == content.file
    assert (file.key, file.size, file.content_type) == (KEY, 13, PDF)
    assert began < file.modified < datetime.now(UTC) + timedelta(seconds=2)
    assert file.etag.startswith('"')
    assert counted(storage, "put", "done") == 1


async def test_create_only_keeps_the_first(storage: Storage) -> None:
    await storage.put(KEY, b"first", PDF)
    with pytest.raises(AlreadyExists):
        await storage.put(KEY, b"second", PDF)
    assert await (await storage.open(KEY)).read() == b"first"
    await storage.put(KEY, b"third", PDF, create_only=False)
    assert await (await storage.open(KEY)).read() == b"third"
    assert counted(storage, "put", "exists") == 1


@pytest.mark.parametrize("size", [100, SMALL + 2 * MiB], ids=["small", "parts"])
async def test_of_twenty_writers_one_wins(storage: Storage, size: int) -> None:
    async def write(number: int) -> int | None:
        async def stream() -> AsyncIterator[bytes]:
            for _ in range(2):
                yield bytes([number]) * (size // 2)

        try:
            await storage.put("races/x.txt", stream(), "text/plain")
        except AlreadyExists:
            return None
        return number

    winners = [number for number in await asyncio.gather(*map(write, range(20))) if number is not None]
    assert len(winners) == 1
    content = await (await storage.open("races/x.txt")).read()
    assert set(content) == set(winners)
    assert len(content) == size
    assert await keys_of(storage) == ["races/x.txt"]


@pytest.mark.parametrize("create_only", [True, False])
async def test_streams_of_every_length(storage: Storage, *, create_only: bool) -> None:
    for number, size in ((0, 1), (1, 1), (4, MiB), (5, MiB), (11, MiB), (3, 7 * MiB)):
        key = f"streams/{number}-{size}.mp4"
        await storage.put(key, pieces(number, size), "video/mp4", create_only=create_only)
        content = await storage.open(key)
        assert content.file.size == number * size
        expected = b"".join([piece async for piece in pieces(number, size)])
        assert await content.read() == expected
    if create_only:
        with pytest.raises(AlreadyExists):
            await storage.put("streams/11-1048576.mp4", pieces(6), "video/mp4")
        assert (await storage.head("streams/11-1048576.mp4")).size == 11 * MiB
    assert not any(".staging" in key for key in await keys_of(storage))


class BrokenStream(Exception):
    pass


@pytest.mark.parametrize("error", [BrokenStream, FileNotFoundError, TimeoutError, OSError])
@pytest.mark.parametrize("whole", [1, 9])
async def test_a_stream_that_breaks_leaves_nothing(
    storage: Storage, whole: int, error: type[Exception]
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        async for piece in pieces(whole):
            yield piece
        raise error

    with pytest.raises(error):
        await storage.put("x.mp4", broken(), "video/mp4")
    assert await keys_of(storage) == []
    with pytest.raises(NoSuchFile):
        await storage.head("x.mp4")


@pytest.mark.parametrize("limit", [3 * MiB, 8 * MiB])
async def test_a_stream_may_be_limited(storage: Storage, limit: int) -> None:
    with pytest.raises(FileTooLarge):
        await storage.put("x.mp4", pieces(9), "video/mp4", limit=limit)
    assert await keys_of(storage) == []
    await storage.put("x.mp4", pieces(limit // MiB), "video/mp4", limit=limit)
    assert (await storage.head("x.mp4")).size == limit


async def test_a_writer_that_is_cancelled_leaves_nothing(storage: Storage) -> None:
    halfway = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        async for piece in pieces(12):
            yield piece
        halfway.set()
        await asyncio.Event().wait()

    writer = asyncio.create_task(storage.put("x.mp4", endless(), "video/mp4"))
    await halfway.wait()
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    assert await keys_of(storage) == []


async def test_ranges(storage: Storage) -> None:
    await storage.put("a.txt", b"0123456789", "text/plain")
    for start, stop, expected in ((0, None, b"0123456789"), (2, 5, b"234"), (9, None, b"9"), (7, 99, b"789")):
        content = await storage.open("a.txt", start=start, stop=stop)
        assert await content.read() == expected
        assert (content.start, content.stop) == (start, start + len(expected))
        assert content.file.size == 10
    for start, stop in ((10, None), (-1, None), (5, 5), (6, 2), (11, 20)):
        with pytest.raises(RangeNotSatisfiable):
            await storage.open("a.txt", start=start, stop=stop)
    await storage.put("empty.txt", b"", "text/plain")
    assert await (await storage.open("empty.txt")).read() == b""


async def test_a_version_that_is_gone_is_not_opened(storage: Storage) -> None:
    await storage.put("a.txt", b"old words", "text/plain")
    file = await storage.head("a.txt")
    await storage.put("a.txt", b"new", "text/plain", create_only=False)
    with pytest.raises(NoSuchFile):
        await storage.open(file, start=1, stop=6)


async def test_what_is_deleted_is_gone(storage: Storage) -> None:
    await storage.put("a/b.txt", b"x", "text/plain")
    assert await storage.delete("a/b.txt") is True
    for key in ("a/b.txt", "a", "never.txt"):
        with pytest.raises(NoSuchFile):
            await storage.head(key)
        with pytest.raises(NoSuchFile):
            await storage.open(key)
    await storage.delete("a/b.txt")  # the second time is no error
    await storage.put("a/b.txt", b"y", "text/plain")


async def test_an_open_file_is_read_to_its_end_though_it_be_deleted(storage: Storage) -> None:
    """In a folder and in memory; S3 answers what it has begun as well, but moto answers at once."""
    await storage.put("a.mp4", pieces(8), "video/mp4")
    contents = [await storage.open("a.mp4") for _ in range(5)]
    readers = [aiter(content) for content in contents]
    first = [await anext(reader) for reader in readers]
    await storage.delete("a.mp4")
    for began, reader in zip(first, readers, strict=True):
        assert len(began) + sum([len(piece) async for piece in reader]) == 8 * MiB
    with pytest.raises(NoSuchFile):
        await storage.open("a.mp4")


async def test_lists_whole_segments(storage: Storage) -> None:
    for key in ("a/1.txt", "a/b/2.txt", "ab/3.txt", "4.txt"):
        await storage.put(key, b"x", "text/plain")
    assert await keys_of(storage) == ["4.txt", "a/1.txt", "a/b/2.txt", "ab/3.txt"]
    assert await keys_of(storage, "a") == ["a/1.txt", "a/b/2.txt"]
    assert await keys_of(storage, "a/b") == ["a/b/2.txt"]
    assert await keys_of(storage, "zebra") == []


HOSTILE = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../x.txt",
    "a/../b.txt",
    "a/./b.txt",
    "a//b.txt",
    "a/",
    "a..b.txt",
    ".hidden",
    ".staging/x",
    "a/.x",
    "a\\b.txt",
    "a b.txt",
    "a%2fb.txt",
    "a#1",
    "ä.txt",
    "a\n.txt",
    "a\x00.txt",
    "C:x.txt",
    "-rf",
    "~root",
    "x" * 600,
    "x" * 200,
    "/".join("a" * 13),
]


@pytest.mark.parametrize("key", HOSTILE)
async def test_hostile_keys_reach_no_store(open_storage: Open, key: str) -> None:
    storage = open_storage("memory")
    for attempt in (
        lambda: storage.put(key, b"x", "text/plain"),
        lambda: storage.open(key),
        lambda: storage.head(key),
        lambda: storage.delete(key),
    ):
        with pytest.raises(ValueError, match="cannot name a file"):
            await attempt()
    with pytest.raises(ValueError, match="cannot name a file"):
        storage.link(key, 3600)
    if key:
        with pytest.raises(ValueError, match="cannot name a file"):
            await keys_of(storage, key)
    assert await keys_of(storage) == []


async def test_the_type_is_what_the_key_says(open_storage: Open) -> None:
    storage = open_storage("memory")
    with pytest.raises(ValueError, match="says application/pdf, not text/html"):
        await storage.put(KEY, b"x", "text/html")
    with pytest.raises(ValueError, match="says application/pdf, not text/html"):
        storage.link(KEY, 3600, method="PUT", size=1, content_type="text/html")


async def test_the_bucket_knows_the_types_too(open_storage: Open) -> None:
    storage = open_storage("s3")
    await storage.put("small.pdf", b"x", PDF)
    found = await obstore.get_async(storage._store, "small.pdf")
    assert found.attributes["Content-Type"] == PDF


@pytest.mark.parametrize("kind", ["head", "open", "delete", "put", "stream", "list", "sweep"])
async def test_a_server_that_is_away_is_said_in_time(open_storage: Open, kind: str) -> None:
    storage = open_storage(
        "s3", endpoint="http://127.0.0.1:9", connect_timeout=0.2, call_timeout=0.5, write_timeout=0.5
    )
    calls = {
        "head": lambda: storage.head("a.txt"),
        "open": lambda: storage.open("a.txt"),
        "delete": lambda: storage.delete("a.txt"),
        "put": lambda: storage.put("a.txt", b"x", "text/plain"),
        "stream": lambda: storage.put("a.mp4", pieces(8), "video/mp4"),
        "list": lambda: keys_of(storage),
        "sweep": lambda: storage.sweep(datetime.now(UTC)),
    }
    with pytest.raises(Unavailable):
        await calls[kind]()  # type: ignore[no-untyped-call]
    name = {"stream": "put", "open": "head"}.get(kind, kind)
    assert counted(storage, name, "failed") + counted(storage, name, "timeout") == 1


async def test_a_server_that_stays_away_is_left_alone_for_a_moment(open_storage: Open) -> None:
    storage = open_storage("s3", endpoint="http://127.0.0.1:9", connect_timeout=0.1, call_timeout=0.2)
    for _ in range(FAILURES):
        with pytest.raises(Unavailable):
            await storage.head("a.txt")
    with pytest.raises(Unavailable):
        await storage.head("a.txt")
    assert counted(storage, "head", "failed") + counted(storage, "head", "timeout") == FAILURES
    value = storage._calls._metrics.registry.get_sample_value
    assert value("lectern_circuit_refusals_total", {"port": "storage"}) == 1
    assert value("lectern_circuit_open", {"port": "storage"}) == 1


async def test_what_is_missing_or_breaks_elsewhere_opens_no_circuit(open_storage: Open) -> None:
    storage = open_storage("memory")

    async def broken() -> AsyncIterator[bytes]:
        async for piece in pieces(6):
            yield piece
        raise OSError

    for _ in range(FAILURES + 1):
        with pytest.raises(NoSuchFile):
            await storage.head("a.txt")
        with pytest.raises(OSError):  # noqa: PT011 - it has no words
            await storage.put("a.mp4", broken(), "video/mp4")
    await storage.put("a.txt", b"x", "text/plain")


async def test_a_server_that_is_silent_is_given_up(open_storage: Open) -> None:
    ended = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    storage = open_storage("s3", endpoint=f"http://127.0.0.1:{port}", call_timeout=0.3, write_timeout=0.3)
    try:
        with pytest.raises(Unavailable, match="in time"):
            await storage.head("a.txt")
        with pytest.raises(Unavailable, match="in time"):
            await storage.put("a.txt", b"x", "text/plain")
        assert counted(storage, "head", "timeout") == 1
    finally:
        ended.set()
        server.close()
        await server.wait_closed()


async def test_bytes_are_counted(storage: Storage) -> None:
    await storage.put("a.txt", b"12345", "text/plain")
    await storage.put("b.mp4", pieces(6), "video/mp4")
    await (await storage.open("a.txt", start=1)).read()
    value = storage._calls._metrics.registry.get_sample_value
    assert value("lectern_storage_bytes_total", {"direction": "written"}) == 5 + 6 * MiB
    assert value("lectern_storage_bytes_total", {"direction": "read"}) == 4
