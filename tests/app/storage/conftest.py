"""Every promise of the port is tried on all three places."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.settings import Mode, Settings, StorageSettings
from app.storage import Storage
from app.telemetry import Metrics
from tests.support.s3_server import s3_server

Open = Callable[..., Storage]


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def storage_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., StorageSettings]:
    """Settings of a place: "folder", "memory", or "s3" with a prefix of the test's own."""

    def make(place: str, **more: Any) -> StorageSettings:
        if place == "folder":
            return StorageSettings(url=(tmp_path / "files").as_uri(), **more)
        if place == "memory":
            return StorageSettings(url="memory://", **more)
        options: dict[str, Any] = {
            "url": f"s3://files/{secrets.token_hex(8)}",
            "endpoint": request.getfixturevalue("s3_address"),
            "access_key": SecretStr("lectern"),
            "secret_access_key": SecretStr("a secret"),
            # The server is slower than S3, and shares its machine with the tests.
            "call_timeout": 30,
            "write_timeout": 60,
        }
        return StorageSettings(**{**options, **more})

    return make


@pytest.fixture
def open_storage(storage_settings: Callable[..., StorageSettings], tmp_path: Path) -> Open:
    def opened(place: str, **more: Any) -> Storage:
        settings = Settings(
            mode=Mode.DEVELOPMENT, home=tmp_path / "home", storage=storage_settings(place, **more)
        )
        return Storage(settings, Metrics(), [b"new" * 11, b"old" * 11])

    return opened


@pytest.fixture(params=["folder", "memory", "s3"])
def storage(request: pytest.FixtureRequest, open_storage: Open) -> Storage:
    return open_storage(request.param)


async def pieces(number: int, size: int = 1 << 20) -> AsyncIterator[bytes]:
    """`number` pieces of `size` bytes, each full of its own number."""
    for position in range(number):
        yield bytes([position % 256]) * size
