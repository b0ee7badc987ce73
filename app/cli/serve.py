"""`lectern serve`: one process of the API in production. What is missing or does not fit is said before it starts."""

import asyncio
import logging

import asyncpg

from app.cli import migrate, server
from app.cli.refusal import Refused
from app.cli.signals import graceful_ending
from app.identity.signing_keys import SigningKeys
from app.settings import Settings
from app.telemetry import configure_logging

_SHARE = 0.8  # of max_connections: the rest is for migrations, backups and people
_PROCESSES = 1

_log = logging.getLogger(__name__)


def serve() -> None:
    """Serve the API in production; every setting comes from the environment."""
    settings = Settings()
    _require(settings)
    SigningKeys.load(settings)
    server.check_redis_address(settings.redis)
    configure_logging(json=True, level=settings.log_level)
    with graceful_ending() as ending, server.bind(settings.http) as listener:
        asyncio.run(_check_database(settings))
        from app.asgi import create_app  # noqa: PLC0415 - the schema takes a second: refuse first

        address = f"{settings.http.host}:{settings.http.port}"
        server.run(
            create_app(settings),
            settings,
            listener,
            ending,
            ready=lambda: _log.info("serving on %s", address),
        )


def missing(settings: Settings) -> list[str]:
    """Variables that must be set and are not."""
    authentication = settings.authentication
    present = {
        "LECTERN_DATABASE_URL": settings.database.url,
        "LECTERN_REDIS_URL": settings.redis.url,
        "LECTERN_PUBLIC_URL": authentication.public_url,
        "LECTERN_SIGNING_KEYS": authentication.signing_keys.get_secret_value()
        or authentication.signing_keys_file,
    }
    return [name for name, value in present.items() if not value]


def too_many_connections(processes: int, pool_size: int, limit: int) -> str:
    """The sum, as a sentence without its full stop, when it leaves too few of `limit` connections; else nothing."""
    wanted = processes * pool_size
    if wanted <= _SHARE * limit:
        return ""
    return (
        f"{processes} process{'es' if processes > 1 else ''} x {pool_size} connections (LECTERN_DATABASE_POOL_SIZE)"
        f" = {wanted}, more than {_SHARE:.0%} of PostgreSQL's max_connections = {limit}"
    )


def _require(settings: Settings) -> None:
    """Names all that is missing at once. Raises Refused."""
    names = missing(settings)
    if names:
        raise Refused(f"`lectern serve` needs {', '.join(names)}; `lectern dev` needs nothing.")


async def _check_database(settings: Settings) -> None:
    """Raises Refused when the database cannot be reached, is older than the code, or has too few connections."""
    url = settings.database.url
    current, newest = await migrate.current_revision(url), migrate.newest_revision()
    if current is None or (current != newest and current in migrate.known_revisions()):
        raise Refused(
            f"The database is at revision {current or 'none'}, this release needs {newest}: run `lectern migrate`."
        )
    if current != newest:
        # During a deploy the database is a step ahead of the processes that are still to be replaced.
        _log.warning("the database is at revision %s, newer than this release's %s", current, newest)
    connection = await asyncpg.connect(
        url.replace("+asyncpg", "", 1), timeout=settings.database.connect_timeout
    )
    try:
        limit = int(await connection.fetchval("SHOW max_connections"))
    finally:
        await connection.close()
    too_many = too_many_connections(_PROCESSES, settings.database.pool_size, limit)
    if too_many:
        raise Refused(f"{too_many}: change one of them.")
