"""Folders that are looked into and removed, in each place."""

from pathlib import Path

import pytest

from app.storage import Storage
from tests.app.storage.conftest import Open

PREFIX = "videos/7/0190"


async def keys_of(storage: Storage) -> list[str]:
    return sorted([file.key async for file in storage.list()])


async def test_all_below_it_goes_and_nothing_else(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    # Several pages, whose files go while the next one is waited for.
    monkeypatch.setattr("app.storage.port._DELETED_AT_ONCE", 2)
    for number in range(5):
        await storage.put(f"{PREFIX}/high/{number}.ts", b"12345", "video/mp2t")
    await storage.put(f"{PREFIX}/a.m3u8", b"1", "application/vnd.apple.mpegurl")
    await storage.put(f"{PREFIX}1/a.ts", b"1", "video/mp2t")
    await storage.put("videos/8/0191/a.ts", b"1", "video/mp2t")
    assert sorted(await storage.folders("videos")) == ["7", "8"]
    assert sorted(await storage.folders("videos/7")) == ["0190", "01901"]
    assert await storage.remove_folder(PREFIX) == (6, 26)
    assert await storage.remove_folder(PREFIX) == (0, 0)
    assert await keys_of(storage) == [f"{PREFIX}1/a.ts", "videos/8/0191/a.ts"]
    assert await storage.folders("videos/7") == ["01901"]
    assert await storage.folders("nothing") == []


async def test_links_are_not_followed(open_storage: Open, tmp_path: Path) -> None:
    storage, root = open_storage("folder"), tmp_path / "files"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.ts").write_bytes(b"mine")
    await storage.put(f"{PREFIX}/a.ts", b"1", "video/mp2t")
    (root / PREFIX / "deeper").symlink_to(outside)
    (root / "videos/7/link").symlink_to(outside)
    unfinished = root / PREFIX / "b.ts#1"
    unfinished.write_bytes(b"x")
    assert await storage.remove_folder("videos/7/link") == (0, 0)
    assert await storage.remove_folder(PREFIX) == (1, 1)
    assert [path.name for path in outside.iterdir()] == ["a.ts"]
    assert unfinished.exists(), "its writer may live"
