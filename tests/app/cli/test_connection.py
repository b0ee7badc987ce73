"""A command finds the services that `lectern dev` runs in the same home folder."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.cli.connection import connected_database, connected_settings
from app.cli.refusal import Refused
from app.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.support.services import temporary_home


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LECTERN_DATABASE_URL", "LECTERN_REDIS_URL", "LECTERN_MODE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with temporary_home() as folder:
        monkeypatch.setenv("LECTERN_HOME", str(folder))
        yield folder


async def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("LECTERN_DATABASE_URL", "postgresql://elsewhere/lectern")
    settings = connected_settings()
    assert settings.database.url == "postgresql://elsewhere/lectern"
    assert not settings.development


async def test_running_services_are_found_and_ended_ones_are_not(home: Path) -> None:
    postgres = EmbeddedPostgres(home / "postgres", durable=False)
    valkey = EmbeddedValkey(home / "valkey", durable=False)
    # In this thread: a service ends with the thread that has started it.
    postgres.start()
    try:
        valkey.start()
        settings = connected_settings()
        assert settings.development
        assert (settings.database.url, settings.redis.url) == (postgres.url, valkey.url)
        async with connected_database() as database:
            await database.ping()
        async with Redis.from_url(settings.redis.url) as redis:
            assert await redis.ping()
    finally:
        valkey.stop()
        postgres.stop()
    with pytest.raises(Refused, match="does not run in"):
        await asyncio.to_thread(connected_settings)


async def test_a_damaged_home_is_one_sentence(home: Path) -> None:
    for name, text in (("postgres/port", "no port"), ("postgres/password", "x"), ("valkey/valkey.conf", "")):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text(text)
    with pytest.raises(Refused, match="does not run in"):
        connected_settings()
