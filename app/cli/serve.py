"""`lectern serve`: the API in production. What is missing or does not fit is said before it starts."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated

import asyncpg
import typer

from app.cli import migrate, server
from app.cli.refusal import Refused
from app.cli.signals import Ending, graceful_ending
from app.cli.supervisor import Post, Supervisor
from app.identity.tokens.signing_keys import SigningKeys
from app.settings import Settings
from app.telemetry import configure_logging

_SHARE = 0.8  # of max_connections: the rest is for migrations, backups and people

_log = logging.getLogger(__name__)


def serve(
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes on the port; each has a connection pool of its own.")
    ] = 1,
) -> None:
    """Serve the API in production; every setting comes from the environment."""
    settings = Settings()
    require(settings, "serve")
    SigningKeys.load(settings)
    server.check_redis_addresses(settings)
    configure_logging(json=True, level=settings.log_level)
    address = f"{settings.http.host}:{settings.http.port}"

    def say_ready() -> None:
        _log.info("serving on %s with %s process%s", address, workers, "es" if workers > 1 else "")
        if not settings.mail.smtp_url.get_secret_value():
            _log.warning("LECTERN_SMTP_URL is not set: mails become files that nobody gets")

    with graceful_ending() as ending:
        if workers > 1:
            _serve_many(settings, workers, ending, say_ready)
            return
        with server.bind(settings.http) as listener:
            asyncio.run(check_database(settings, 1))
            from app.asgi import create_app  # noqa: PLC0415 - the schema takes a second: refuse first

            server.run(create_app(settings), settings, listener, ending, ready=say_ready)


def _serve_many(settings: Settings, workers: int, ending: Ending, ready: Callable[[], None]) -> None:
    with ExitStack() as stack:
        listeners = stack.enter_context(server.bind_many(settings.http, workers))
        asyncio.run(check_database(settings, workers))
        from app.asgi import create_app  # noqa: PLC0415 - as above
        from app.asgi.process_metrics import Siblings, loopback_sockets  # noqa: PLC0415

        siblings = Siblings(tuple(stack.enter_context(loopback_sockets(workers))))
        application = create_app(settings, siblings=siblings)

        def work(post: Post) -> None:
            siblings.own = post.number
            server.run(
                application, settings, post.listener, post.ending, ready=post.ready, lifeline=post.lifeline
            )

        Supervisor(work, listeners, grace=settings.http.shutdown_grace).run(ending, ready=ready)


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


def require(settings: Settings, command: str) -> None:
    """Names all that is missing at once. Raises Refused."""
    names = missing(settings)
    if names:
        raise Refused(f"`lectern {command}` needs {', '.join(names)}; `lectern dev` needs nothing.")


async def check_database(settings: Settings, processes: int) -> None:
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
    if settings.database.pgbouncer:
        return  # how many connections the server sees is PgBouncer's setting
    connection = await asyncpg.connect(
        url.replace("+asyncpg", "", 1), timeout=settings.database.connect_timeout
    )
    try:
        limit = int(await connection.fetchval("SHOW max_connections"))
    finally:
        await connection.close()
    too_many = too_many_connections(processes, settings.database.pool_size, limit)
    if too_many:
        raise Refused(f"{too_many}: change one of them.")
