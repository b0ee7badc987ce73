"""What `lectern doctor` looks at. Each check yields its problems: one sentence each, and a way to mend it."""

import asyncio
import re
import resource
import secrets
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import asyncpg
from pydantic import ValidationError
from pydantic_settings import SettingsError

from app.cli import migrate, serve
from app.errors import DomainError, Unavailable
from app.identity.errors import SigningKeyError
from app.identity.tokens.signing_keys import SigningKeys
from app.keyvalue import KeyValue
from app.mail import transport_of
from app.settings import GROUPS, RedisSettings, Settings, unknown_variables, wrong_values
from app.storage import Storage
from app.storage.places import Memory
from app.telemetry import Metrics

_POSTGRES = 18
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\sA-Z]+")
_OTHER_FILES = 100  # logs, libraries, sockets of the program itself
CHECKS = (
    "settings",
    "keys",
    "file descriptors",
    "database",
    "version",
    "encoding",
    "migrations",
    "clock",
    "extensions",
    "pool",
    "limits",
    "redis",
    "progress",
    "mail",
    "storage",
)


@dataclass(frozen=True, slots=True)
class Problem:
    check: str
    problem: str
    remedy: str


async def examine(processes: int, *, now: Callable[[], float] = time.time) -> list[Problem]:
    """Every problem of the environment's settings and of what they name. `now`: seconds since 1970."""
    problems = list(_wrong_values())
    if problems:
        # Without settings that can be read there is nothing to look at.
        return problems
    settings = Settings()
    problems += _settings(settings)
    problems += _keys(settings)
    problems += _file_descriptors(settings)
    if settings.database.url:
        problems += [problem async for problem in _database(settings, processes, now)]
    if settings.redis.url:
        for variable, server in settings.redis_servers.items():
            problems += [problem async for problem in _redis(variable, server)]
        problems += [problem async for problem in _progress(settings.progress_redis)]
    problems += [problem async for problem in _mail(settings)]
    problems += [problem async for problem in _storage(settings)]
    return problems


def _wrong_values() -> Iterator[Problem]:
    """Settings that cannot be read at all: all of them, not only the first."""
    for group in reversed(GROUPS):  # Settings, which is made of the others, comes last
        try:
            group()
        except ValidationError as error:
            if error.title != group.__name__:
                continue  # one of the others, named already
            for sentence in wrong_values(error):
                yield Problem("settings", sentence, "See the table in docs/operations.md.")
        except SettingsError as error:
            yield Problem("settings", f"{error}.", "See the table in docs/operations.md.")


def _settings(settings: Settings) -> Iterator[Problem]:
    for name in serve.missing(settings):
        yield Problem("settings", f"{name} is not set.", "`lectern serve` needs it: see docs/operations.md.")
    for name in unknown_variables():
        yield Problem(
            "settings", f"{name} is no setting.", "Mend its name or remove it: see docs/operations.md."
        )
    if settings.log_level.upper() not in _LEVELS:
        yield Problem(
            "settings",
            f"LECTERN_LOG_LEVEL={settings.log_level} is no level.",
            f"Set one of {', '.join(_LEVELS)}.",
        )
    url = settings.authentication.public_url
    if url and not url.startswith(("https://", "http://")):
        yield Problem(
            "settings",
            "LECTERN_PUBLIC_URL is no address of the web.",
            "Begin it with https:// and the host's name.",
        )
    yield from _origins(settings)
    if settings.development:
        yield Problem(
            "settings",
            "LECTERN_MODE is development: everybody may look at the schema, and keys are made up.",
            "Remove LECTERN_MODE; production is the default.",
        )


def _origins(settings: Settings) -> Iterator[Problem]:
    """What is never equal to anything is believed by nobody: all clients of a proxy would rest as one."""
    for proxy in settings.origins.trusted_proxies:
        try:
            ip_network(proxy, strict=False)
        except ValueError:
            yield Problem(
                "settings",
                f"LECTERN_TRUSTED_PROXIES has {proxy}, which is no address.",
                "Write addresses or networks, such as 10.0.0.0/8: names are not looked up.",
            )
    for origin in settings.origins.allowed_origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            yield Problem(
                "settings",
                f"LECTERN_ALLOWED_ORIGINS has {origin}, which no browser sends.",
                "Write it as https://host or https://host:port, in small letters, without a path.",
            )


def _keys(settings: Settings) -> Iterator[Problem]:
    authentication = settings.authentication
    file = authentication.signing_keys_file
    if not (file or authentication.signing_keys.get_secret_value()):
        return  # said among the settings
    try:
        SigningKeys.load(settings)
    except SigningKeyError as error:
        yield Problem("keys", str(error), "`lectern keys --help` says how to make and change keys.")
        return
    if file and stat.S_IMODE(file.stat().st_mode) & (stat.S_IRWXO | stat.S_IWGRP):
        yield Problem(
            "keys", f"Other users of this machine can use the key file {file}.", f"Close it: chmod 600 {file}"
        )


def _file_descriptors(settings: Settings) -> Iterator[Problem]:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.http.backlog + settings.database.pool_size + settings.redis.pool_size + _OTHER_FILES
    if limit != resource.RLIM_INFINITY and limit < wanted:
        yield Problem(
            "file descriptors",
            f"A process may open {limit} files and connections, fewer than the {wanted} that its backlog and pools take.",
            "Raise the limit (ulimit -n 65536, LimitNOFILE=65536, --ulimit nofile=65536) or lower LECTERN_HTTP_BACKLOG.",
        )


async def _database(settings: Settings, processes: int, now: Callable[[], float]) -> AsyncIterator[Problem]:
    try:
        async with _connected(settings) as connection:
            async for problem in _server(connection, settings, processes, now):
                yield problem
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = str(error).rstrip(".") or f"no answer within {settings.database.connect_timeout:g} seconds"
        if isinstance(error, ValueError):
            reason = "its address cannot be read"  # the library's words may quote the password
        yield Problem(
            "database",
            f"PostgreSQL cannot be used: {reason}.",
            "Check LECTERN_DATABASE_URL (host, port, user, password, name) and that the server runs.",
        )


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection = await asyncpg.connect(
        settings.database.url.replace("+asyncpg", "", 1),
        timeout=settings.database.connect_timeout,
        command_timeout=settings.database.connect_timeout,
        statement_cache_size=0,  # it may be PgBouncer that answers
    )
    try:
        yield connection
    finally:
        await connection.close()


async def _server(
    connection: "asyncpg.Connection[Any]", settings: Settings, processes: int, now: Callable[[], float]
) -> AsyncIterator[Problem]:
    version = connection.get_server_version()
    if version.major < _POSTGRES:
        yield Problem(
            "version",
            f"The server is PostgreSQL {version.major}, Lectern needs {_POSTGRES}.",
            'Move to a newer server: docs/operations.md, "Upgrade".',
        )
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        yield Problem(
            "encoding",
            f"The database's encoding is {encoding}: not every name could be stored.",
            "Make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0, and move the data there.",
        )
    try:
        current = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        current = None
    newest = migrate.newest_revision()
    if current is None or (current != newest and current in migrate.known_revisions()):
        yield Problem(
            "migrations",
            f"The database is at revision {current or 'none'}, this release needs {newest}.",
            "Run `lectern migrate`.",
        )
    elif current != newest:
        yield Problem(
            "migrations",
            f"The database is at revision {current}, which this release does not know.",
            "Install the release that the database was migrated with.",
        )
    began = now()
    database_time = float(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8"))
    # The server looked at its clock somewhere between question and answer.
    difference = max(began - database_time, database_time - now(), 0.0)
    if difference > settings.authentication.clock_skew:
        yield Problem(
            "clock",
            f"This machine's clock and the database's differ by {difference:.0f} seconds.",
            "Keep both right by NTP (chrony, systemd-timesyncd); LECTERN_CLOCK_SKEW is what tokens tolerate.",
        )
    # What the server counts as connections is PgBouncer's setting, not ours.
    shares = _limits(connection) if settings.database.pgbouncer else _pool(connection, settings, processes)
    for problems in (_extensions(connection), shares):
        async for problem in problems:
            yield problem


async def _pool(
    connection: "asyncpg.Connection[Any]", settings: Settings, processes: int
) -> AsyncIterator[Problem]:
    limit = int(await connection.fetchval("SHOW max_connections"))
    too_many = serve.too_many_connections(processes, settings.database.pool_size, limit)
    if too_many:
        yield Problem(
            "pool", f"{too_many}.", "Lower the pool or the number of processes, or raise max_connections."
        )


async def _extensions(connection: "asyncpg.Connection[Any]") -> AsyncIterator[Problem]:
    installed = {row["extname"] for row in await connection.fetch("SELECT extname FROM pg_extension")}
    for name in sorted(migrate.required_extensions() - installed):
        yield Problem(
            "extensions",
            f"The database lacks the extension {name}.",
            f"As a superuser of that database: CREATE EXTENSION {name};",
        )


async def _limits(connection: "asyncpg.Connection[Any]") -> AsyncIterator[Problem]:
    """What a program sets itself for its connections, and cannot set through PgBouncer."""
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        if await connection.fetchval(f"SHOW {name}") == "0":
            yield Problem(
                "limits",
                f"Through PgBouncer nothing limits statements: {name} is 0.",
                "Set it in PgBouncer's connect_query (deploy/pgbouncer/pgbouncer.ini) or with ALTER ROLE ... SET.",
            )


async def _redis(variable: str, server: RedisSettings) -> AsyncIterator[Problem]:
    try:
        keyvalue = KeyValue(server)
    except ValueError:
        yield Problem(
            "redis",
            f"{variable} cannot be read as an address.",
            "It looks like redis://:password@host:6379/0; special characters of the password as %XX.",
        )
        return
    try:
        async with _patience(server):
            await keyvalue.ping()
    except (Unavailable, TimeoutError) as error:
        reason = error.__cause__ or "no answer"
        yield Problem(
            "redis",
            f"Valkey or Redis cannot be used: {reason}.",
            f"Check {variable} (host, port, password) and that the server runs.",
        )
    finally:
        await keyvalue.close()


async def _progress(server: RedisSettings) -> AsyncIterator[Problem]:
    """What viewers report is nowhere else for some seconds."""
    try:
        keyvalue = KeyValue(server)
    except ValueError:
        return  # said above, as an outage is
    with suppress(Unavailable, TimeoutError):
        async with _patience(server):
            keeping = await keyvalue.keeping()
        if not keeping.appends:
            yield Problem(
                "progress",
                "Viewers' progress is lost when Valkey or Redis ends: it keeps no append-only file.",
                "Set appendonly yes, and appendfsync always or everysec; docs/progress.md says what each may lose.",
            )
        if keeping.evicts:
            yield Problem(
                "progress",
                "Viewers' progress is thrown out of Valkey or Redis when its memory is full.",
                "Set maxmemory-policy noeviction.",
            )
    await keyvalue.close()


def _patience(server: RedisSettings) -> asyncio.Timeout:
    return asyncio.timeout(2 * server.connect_timeout + server.command_timeout)


async def _mail(settings: Settings) -> AsyncIterator[Problem]:
    if not settings.mail.smtp_url.get_secret_value():
        yield Problem(
            "mail",
            "LECTERN_SMTP_URL is not set: mails become files that nobody gets.",
            "Set it to smtp://user:password@host:587, or smtps:// where the server wants TLS at once.",
        )
        return
    try:
        await (await transport_of(settings).connect()).close()
    except ValueError:
        yield Problem(
            "mail",
            "LECTERN_SMTP_URL cannot be read as an address.",
            "It looks like smtp://user:password@host:587; special characters of the password as %XX.",
        )
    except Unavailable as error:
        yield Problem(
            "mail",
            f"Mails cannot be sent: {str(error).rstrip('.')}.",
            "Check LECTERN_SMTP_URL (host, port, user, password) and that the server runs.",
        )


async def _storage(settings: Settings) -> AsyncIterator[Problem]:
    remedy = "Check LECTERN_STORAGE_URL, the endpoint, the keys, and that the bucket or folder is there."
    try:
        storage = Storage(settings, Metrics(), ())
        if isinstance(storage.place, Memory):
            yield Problem(
                "storage",
                "LECTERN_STORAGE_URL is memory://: each process has files of its own and forgets them.",
                "Set it to s3://bucket/prefix or file:///folder.",
            )
            return
        # Its own name each time: two who look at once do not meet.
        key = f"doctor/{secrets.token_hex(8)}.txt"
        await storage.put(key, b"lectern", "text/plain")
        content = await (await storage.open(key)).read()
        await storage.delete(key)
    except ValueError as error:
        yield Problem("storage", f"LECTERN_STORAGE_URL cannot be used: {error}.", remedy)
    except (DomainError, Unavailable) as error:
        # What the library says of a bucket that is missing is what it says of a file.
        yield Problem("storage", f"Files cannot be kept: {str(error).rstrip('.')}.", remedy)
    else:
        if content != b"lectern":
            yield Problem("storage", "A file came back with other content than it was given.", remedy)
