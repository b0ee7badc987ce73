"""What only a folder can do wrong: links that lead out of it, parts that dead writers left."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.storage import NoSuchFile, Storage
from tests.app.storage.conftest import Open, pieces
from tests.support.programs import environment

WRITER = """
import asyncio, sys
from app.settings import Mode, Settings, StorageSettings
from app.storage import Storage
from app.telemetry import Metrics

async def main():
    storage = Storage(Settings(mode=Mode.DEVELOPMENT, storage=StorageSettings(url=sys.argv[1])), Metrics(), [b"x" * 32])
    async def endless():
        for number in range(12):
            yield b"x" * (1 << 20)
        print("halfway", flush=True)
        await asyncio.Event().wait()
    await storage.put("a/b.mp4", endless(), "video/mp4")

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def storage(open_storage: Open) -> Storage:
    return open_storage("folder")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_it_is_for_our_eyes(storage: Storage, folder: Path) -> None:
    await storage.put("a.txt", b"x", "text/plain")
    assert mode(folder) == 0o700


@pytest.mark.parametrize("key", ["link/secret.txt", "secret.txt"])
async def test_symbolic_links_lead_nowhere(storage: Storage, folder: Path, tmp_path: Path, key: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    await storage.put("a.txt", b"x", "text/plain")
    (folder / "link").symlink_to(outside)
    (folder / "secret.txt").symlink_to(outside / "secret.txt")
    for attempt in (storage.head, storage.open):
        with pytest.raises(NoSuchFile):
            await attempt(key)
    assert await storage.delete(key) is False
    with pytest.raises(NoSuchFile):
        await storage.put(key, b"mine", "text/plain", create_only=False)
    with pytest.raises(NoSuchFile):
        await storage.put("link/new.mp4", pieces(6), "video/mp4")
    assert [path.name for path in sorted(outside.iterdir())] == ["secret.txt"]
    assert (outside / "secret.txt").read_text() == "secret"


async def test_a_killed_writer_leaves_nothing_that_can_be_read(storage: Storage, folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, folder.as_uri(), env=environment(), stdout=subprocess.PIPE
    )
    assert process.stdout
    assert await process.stdout.readline() == b"halfway\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    with pytest.raises(NoSuchFile):
        await storage.head("a/b.mp4")
    assert [file async for file in storage.list()] == []
    left = files(folder)
    assert len(left) == 1
    # Younger than what is swept: it could be somebody's who still writes.
    assert await storage.sweep(datetime.now(UTC) - timedelta(hours=1)) == 0
    old = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    os.utime(left[0], (old, old))
    assert await storage.sweep(datetime.now(UTC) - timedelta(days=1)) == 1
    assert files(folder) == []
    await storage.put("a/b.mp4", pieces(6), "video/mp4")
