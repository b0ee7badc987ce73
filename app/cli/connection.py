"""Where a command finds the services: what the environment names, else those that `lectern dev` runs here."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from app.cli.refusal import Refused
from app.database import Database
from app.settings import Mode, Settings
from app.telemetry import Metrics


def connected_settings() -> Settings:
    """Settings whose addresses are filled in. Raises Refused when no database is named and none runs here."""
    settings = Settings()
    if settings.database.url:
        return settings
    home = settings.home.expanduser().absolute()
    try:
        database_url = _postgres_url(home / "postgres")
        redis_url = settings.redis.url or _valkey_url(home / "valkey")
        _knock(database_url)
    except (OSError, ValueError, KeyError):
        raise Refused(
            f"No database: set LECTERN_DATABASE_URL, or start `lectern dev`, which does not run in {home}."
        ) from None
    return settings.model_copy(
        update={
            "mode": Mode.DEVELOPMENT,
            "database": settings.database.model_copy(update={"url": database_url}),
            "redis": settings.redis.model_copy(update={"url": redis_url}),
        }
    )


@asynccontextmanager
async def connected_database() -> AsyncIterator[Database]:
    """A pool of one for a command that needs nothing else. Raises Refused, Unavailable."""
    settings = connected_settings().database.model_copy(update={"pool_size": 1})
    database = Database(settings, Metrics())
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def _knock(url: str) -> None:
    """Raises OSError when nobody listens: what the folder says stays there after `lectern dev` has ended."""
    address = urlsplit(url)
    socket.create_connection((address.hostname, address.port), timeout=1.0).close()


def _postgres_url(folder: Path) -> str:
    password = (folder / "password").read_text(encoding="utf-8")
    port = (folder / "port").read_text(encoding="utf-8")
    return f"postgresql://lectern:{password}@127.0.0.1:{port}/lectern"


def _valkey_url(folder: Path) -> str:
    lines = (folder / "valkey.conf").read_text(encoding="utf-8").splitlines()
    options = dict(line.split(" ", 1) for line in lines if " " in line)
    return f"redis://:{options['requirepass']}@127.0.0.1:{options['port']}/0"
