"""What opens the storage's circuit, and what only looks like it: by the words of the library, which nothing else tells."""

import asyncio
import errno
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.exceptions import GenericError, NotSupportedError

from app.circuits import FAILURES
from app.errors import Unavailable
from app.storage import AlreadyExists, NoSuchFile, Storage
from app.storage.errors import Away
from app.storage.failures import Failure, failure
from tests.app.storage.conftest import Open, pieces
from tests.app.storage.test_port import counted
from tests.support.s3_server import answering

TS = "video/mp2t"
MANY = range(FAILURES + 1)


def is_open(storage: Storage) -> bool:
    return not storage._calls._circuit.closed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "files"
    path.mkdir()
    return path


@pytest.mark.parametrize("key", ["a.ts/x.ts", "a.ts/b/c.ts", "b.ts", "loop.ts", "loop.ts/x.ts", "none./x.ts"])
async def test_a_name_that_cannot_be_a_files_is_missing(open_storage: Open, folder: Path, key: str) -> None:
    storage = open_storage("folder")
    await storage.put("a.ts", b"x", TS)
    await storage.put("b.ts/c.ts", b"x", TS)
    (folder / "loop.ts").symlink_to("loop.ts")
    file = await storage.head("a.ts")
    for _ in MANY:
        for call in (storage.head, storage.open):
            with pytest.raises(NoSuchFile):
                await call(key)
    assert not is_open(storage)
    assert await storage.head("a.ts") == file
    assert counted(storage, "head", "missing") == 2 * len(MANY)


@pytest.mark.parametrize("key", ["a.ts/x.ts", "b.ts"])
async def test_there_is_nothing_to_delete(open_storage: Open, key: str) -> None:
    storage = open_storage("folder")
    await storage.put("a.ts", b"x", TS)
    await storage.put("b.ts/c.ts", b"x", TS)
    for _ in MANY:
        assert await storage.delete(key) is False
    assert not is_open(storage)
    assert sorted([file.key async for file in storage.list()]) == ["a.ts", "b.ts/c.ts"]


@pytest.mark.parametrize("place", ["folder", "memory"])
async def test_a_folder_longer_than_a_system_takes(
    open_storage: Open, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Of the keys that are fit to name a file none is too long, unless the file system is a narrow one."""
    monkeypatch.setattr("app.storage.keys.checked", lambda key: key)
    storage = open_storage(place)
    for key in ("x" * 256, "/".join(["x" * 200] * 30)):
        with pytest.raises(NoSuchFile):
            await storage.head(key)
    assert not is_open(storage)


@pytest.mark.parametrize("number", [1, 6], ids=["small", "parts"])
@pytest.mark.parametrize(("first", "second"), [("a.ts", "a.ts/b.ts"), ("a.ts/b.ts", "a.ts")])
async def test_a_name_is_a_files_or_a_folders(
    open_storage: Open, first: str, second: str, number: int
) -> None:
    storage = open_storage("folder")
    await storage.put(first, b"first", TS)
    for _ in MANY:
        with pytest.raises(AlreadyExists):
            await storage.put(second, pieces(number), TS)
    assert not is_open(storage)
    assert [file.key async for file in storage.list()] == [first]
    assert counted(storage, "put", "exists") == len(MANY)


async def test_what_keeps_the_processs_threads_is_no_outage(open_storage: Open) -> None:
    storage = open_storage("folder", call_timeout=10)
    await storage.put("a.txt", b"x", "text/plain")
    ended = threading.Event()
    busy = [asyncio.get_running_loop().run_in_executor(None, ended.wait) for _ in range(100)]
    try:
        assert (await storage.head("a.txt")).size == 1
    finally:
        ended.set()
        await asyncio.gather(*busy)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENAMETOOLONG, Failure.MISSING),
        (errno.EINVAL, Failure.MISSING),
        (errno.ENOTDIR, Failure.OBSTRUCTED),
        (errno.ENOTEMPTY, Failure.OBSTRUCTED),
        (errno.ENOSPC, Failure.FULL),
        (errno.EDQUOT, Failure.FULL),
        (errno.EACCES, Failure.DENIED),
        (errno.EROFS, Failure.DENIED),
        (errno.EMFILE, Failure.DENIED),
        (errno.EIO, Failure.AWAY),
        (errno.ESTALE, Failure.AWAY),
        (errno.ENOTCONN, Failure.AWAY),
    ],
)
def test_numbers_of_the_system(number: int, expected: Failure) -> None:
    words = f"Generic LocalFileSystem error: Unable to open file /a (os error 5)/b.ts: {os.strerror(number)}"
    assert failure(GenericError(f"{words} (os error {number})\n\nDebug source:\n(os error 5)")) is expected
    # Of the folder itself, which no client has named.
    away = expected is Failure.AWAY
    assert failure(OSError(number, "said by Python")) is (Failure.AWAY if away else Failure.DENIED)


def test_words_without_a_number() -> None:
    assert failure(GenericError("Generic S3 error: HTTP error: error sending request")) is Failure.AWAY
    assert failure(NotSupportedError("Operation not supported")) is Failure.DENIED


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Unavailable),
        (401, Unavailable),
        (403, Unavailable),
        (404, NoSuchFile),
        (405, Unavailable),
        (409, Unavailable),
        (412, NoSuchFile),
        (416, NoSuchFile),
        (429, Away),
        (500, Away),
        (501, Unavailable),
        (503, Away),
        (507, Unavailable),
    ],
)
async def test_what_s3_answers(open_storage: Open, status: int, expected: type[Exception]) -> None:
    """`write_timeout`: until when what may pass is tried again."""
    async with answering(status) as address:
        storage = open_storage("s3", endpoint=address, write_timeout=0.001)
        for _ in range(FAILURES):
            with pytest.raises((NoSuchFile, Unavailable)) as caught:
                await storage.head("a.m3u8")
            assert type(caught.value) is expected
        assert is_open(storage) is (expected is Away)


@pytest.fixture
def gone(folder: Path) -> Iterator[str]:
    """A key whose opening fails as a device's does that has gone: ENXIO."""
    with socket.socket(socket.AF_UNIX) as one, tempfile.TemporaryDirectory() as short:
        # The address of a socket is a hundred bytes at most.
        one.bind(f"{short}/x")
        os.rename(f"{short}/x", folder / "gone.ts")  # noqa: PTH104
        yield "gone.ts"


async def test_a_device_that_has_gone_opens_the_circuit(open_storage: Open, gone: str) -> None:
    storage = open_storage("folder")
    for _ in range(FAILURES):
        with pytest.raises(Away):
            await storage.head(gone)
    assert is_open(storage)
    assert counted(storage, "head", "failed") == FAILURES


async def test_a_disk_that_hangs_opens_the_circuit(open_storage: Open, folder: Path) -> None:
    """Who opens a pipe waits until somebody writes into it."""
    storage = open_storage("folder", call_timeout=0.1)
    os.mkfifo(folder / "pipe.ts")
    try:
        for _ in range(FAILURES):
            with pytest.raises(Away, match="in time"):
                await storage.head("pipe.ts")
        assert is_open(storage)
        assert counted(storage, "head", "timeout") == FAILURES
    finally:
        os.close(os.open(folder / "pipe.ts", os.O_RDWR))
