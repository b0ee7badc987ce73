import os
from datetime import UTC, datetime
from pathlib import Path

from app.resources import Resources
from app.storage.places import Folder
from workers.storage import UNFINISHED, sweep_unfinished_files


def begun(folder: Path, name: str, age: float) -> Path:
    """A file that its writer did not finish, `age` seconds old."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    at = datetime.now(UTC).timestamp() - age
    os.utime(path, (at, at))
    return path


async def test_what_nobody_finishes_goes(resources: Resources) -> None:
    place = resources.storage.place
    assert isinstance(place, Folder)
    await resources.storage.put("kept/a.txt", b"x", "text/plain")
    limit = UNFINISHED.total_seconds()
    dead = [begun(place.path, name, limit + 60) for name in ("a.mp4#1", ".staging/b", ".staging/c#2")]
    alive = [begun(place.path, name, limit - 60) for name in ("d.mp4#1", ".staging/e")]
    assert await sweep_unfinished_files(resources) == 3
    assert not any(path.exists() for path in dead)
    assert all(path.exists() for path in alive)
    assert [file.key async for file in resources.storage.list("kept")] == ["kept/a.txt"]
    for path in alive:
        path.unlink()
    await resources.storage.delete("kept/a.txt")
