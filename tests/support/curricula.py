"""Archives of course trees: small ones of our own, hostile ones, and the real one where this machine has it."""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest


def real_archive() -> Path:
    """The real curriculum; skips the test where there is none."""
    shared = Path(os.environ.get("LECTERN_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
    found = sorted((shared / "curriculum").glob("*.tgz"))
    if not found:
        pytest.skip(
            "The real curriculum (shared/data/curriculum/*.tgz beside the project) is not on this machine."
        )
    return found[0]


def challenge(number: int | str, *description: str, **more: Any) -> dict[str, Any]:
    return {"id": f"c{number}", "title": f"Lesson {number}", "description": list(description), **more}


def block(name: str, order: int, challenges: Iterable[Any], **more: Any) -> bytes:
    return json.dumps(
        {"name": name, "order": order, "time": "2 hours", "challenges": list(challenges), **more}
    ).encode()


def entry(name: str, content: bytes = b"", **header: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A member; `header` sets what tarfile's header has: type, linkname, pax_headers, ..."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for attribute, value in header.items():
        setattr(info, attribute, value)
    return info, content


def pack(
    path: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.PAX_FORMAT
) -> Path:
    with tarfile.open(path, "w:gz", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


def curriculum(path: Path, blocks: Mapping[str, bytes], *more: tuple[tarfile.TarInfo, bytes]) -> Path:
    """`blocks`: content by TRACK/BLOCK."""
    members = [entry(f"package/dist/challenges/{name}.json", content) for name, content in blocks.items()]
    return pack(path, [*members, *more])


def small(path: Path, tracks: int = 3, modules: int = 2, lessons: int = 3) -> Path:
    """A tree in which every number can be told from its place; members stand in reverse, orders count."""
    blocks = {
        f"{track:02}-track-{track}/block-{modules - module}": block(
            f"Module {track}.{module}",
            module,
            (
                challenge(f"{track}.{module}.{lesson}", f"Text {track}.{module}.{lesson}.")
                for lesson in range(1, lessons + 1)
            ),
        )
        for track in range(tracks, 0, -1)
        for module in range(1, modules + 1)
    }
    return curriculum(path, blocks)


def packed(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content))
    return path
