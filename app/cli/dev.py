"""`lectern dev`: everything in one command, nothing to install, nothing left behind."""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import migrate, server
from app.cli.refusal import Refused
from app.cli.signals import Ending, end_with_parent, graceful_ending
from app.database import Database
from app.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedValkey, locked_home
from app.settings import Mode, Settings
from app.telemetry import Metrics, configure_logging

if TYPE_CHECKING:
    from app.asgi.ide import DemoLogin

_BESIDE = 100  # from the API's port to the worker's; the next few are other clones'
_LOOK = 0.5  # seconds between looks at the services
_REVIVALS, _WITHIN = 10, 60.0  # times and seconds: what ends more often will not stay


def dev(
    *,
    port: Annotated[
        int | None, typer.Option(envvar="PORT", min=1, max=65535, help="Port to listen on; default: 8000.")
    ] = None,
    bound_to_parent: Annotated[bool, typer.Option("--end-with-parent", hidden=True)] = False,
) -> None:
    """Start PostgreSQL, Valkey, the API and a worker on this machine; Ctrl-C stops all of them."""
    if bound_to_parent:
        end_with_parent()
    settings = _settings(port)
    with graceful_ending() as ending, ExitStack() as stack:
        try:
            _run(settings, ending, stack)
        finally:
            ending.stopping()
    if ending.requested:
        _say("Stopped.")


def _settings(port: int | None) -> Settings:
    settings = Settings(mode=Mode.DEVELOPMENT)
    # The worker of this command lives in the API's process, and a person has no patience.
    beside = settings.worker.model_copy(update={"shutdown_grace": 3.0})
    settings = settings.model_copy(update={"worker": beside})
    if port is None:
        return settings
    return settings.model_copy(update={"http": settings.http.model_copy(update={"port": port})})


def _run(settings: Settings, ending: Ending, stack: ExitStack) -> None:
    configure_logging(json=False, level=settings.log_level)
    for library in ("alembic", "arq"):
        logging.getLogger(library).setLevel(logging.WARNING)
    if settings.redis.url:
        server.check_redis_addresses(settings)
    listener = stack.enter_context(server.bind(settings.http))
    of_worker = stack.enter_context(_bind_worker(settings))
    home = stack.enter_context(locked_home(settings.home))
    settings, services = _start_services(settings.model_copy(update={"home": home}), stack)
    migrate.upgrade(settings.database.url)
    logins = load_demo_data(settings)

    # Imported late: the schema takes a second, and what is wrong with the services should be said before.
    from app.asgi import create_app  # noqa: PLC0415
    from workers.main import working  # noqa: PLC0415

    @asynccontextmanager
    async def beside() -> AsyncIterator[None]:
        async with _watching(services, ending), working(settings, of_worker):
            yield

    application = create_app(settings, demo_logins=logins)
    try:
        server.run(
            application,
            settings,
            listener,
            ending,
            ready=lambda: _greet(settings, logins, of_worker.getsockname()[1]),
            beside=beside,
        )
    finally:
        # Before whatever else has failed: it will have failed of this. Where somebody ends us, they may end all.
        for service in () if ending.requested else services:
            if service.ended:
                raise EmbeddedError(f"{service.ended}: it ends again and again, and Lectern with it.")


def _bind_worker(settings: Settings) -> socket.socket:
    """Where the worker tells about itself: on a port beside the API's, or a free one when that is taken. Raises Refused."""
    http, port = settings.http, settings.http.port + _BESIDE
    if port <= 65535:
        with contextlib.suppress(Refused):
            return server.bind(http.model_copy(update={"port": port}))
    return server.bind(http.model_copy(update={"port": 0}))


@asynccontextmanager
async def _watching(
    services: "Sequence[EmbeddedPostgres | EmbeddedValkey]", ending: Ending
) -> AsyncIterator[None]:
    """Starts a service again that has ended: nobody else would, and nothing works without it. Ends the serving when that
    is of no use.
    """
    revived: deque[float] = deque(maxlen=_REVIVALS)

    async def watch() -> None:
        while True:
            await asyncio.sleep(_LOOK)
            for service in services:
                if not (how := service.ended) or ending.requested:
                    continue
                now = time.monotonic()
                if len(revived) == _REVIVALS and now - revived[0] < _WITHIN:
                    ending.give_up()  # which service, and how it ended, is said last
                    return
                revived.append(now)
                _say(f"{how}: it is started again.")
                # Here, in the thread that ends last: services end with the thread that has started them.
                service.revive()

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()


def load_demo_data(settings: Settings) -> "list[DemoLogin]":
    """Fills an empty database at the first start; later it costs one SELECT. Returns the logins to offer."""
    from app.cli import demo  # noqa: PLC0415 - as above

    async def load() -> "list[DemoLogin]":
        database = Database(settings.database.model_copy(update={"pool_size": 1}), Metrics())
        await database.open()
        try:
            return await demo.load_demo_data(database)
        finally:
            await database.close()

    return asyncio.run(load())


def _start_services(
    settings: Settings, stack: ExitStack
) -> "tuple[Settings, list[EmbeddedPostgres | EmbeddedValkey]]":
    """Starts what the environment does not name. Stopped in this order: API, Valkey, PostgreSQL."""
    valkey = None if settings.redis.url else EmbeddedValkey(settings.home / "valkey")
    postgres = None if settings.database.url else EmbeddedPostgres(settings.home / "postgres")
    began = time.monotonic()
    if postgres:
        if not postgres.initialised:
            _say("First start: making a database ...")
        stack.callback(postgres.stop)
    if valkey:
        stack.callback(valkey.stop)
        valkey.launch()  # gets ready while PostgreSQL starts
    if postgres:
        postgres.start()
        settings = settings.model_copy(
            update={"database": settings.database.model_copy(update={"url": postgres.url})}
        )
    if valkey:
        valkey.wait()
        settings = settings.model_copy(
            update={"redis": settings.redis.model_copy(update={"url": valkey.url})}
        )
    if started := [name for name, service in (("PostgreSQL", postgres), ("Valkey", valkey)) if service]:
        _say(
            f"{' and '.join(started)} run ({time.monotonic() - began:.1f} s), data in {_shown(settings.home)}"
        )
    return settings, [service for service in (postgres, valkey) if service]


def _greet(settings: Settings, logins: "list[DemoLogin]", worker_port: int) -> None:
    host = f"[{settings.http.host}]" if ":" in settings.http.host else settings.http.host
    address = f"http://{host}:{settings.http.port}"
    lines = ["", f"Lectern runs on {address}", ""]
    lines += [f"  GraphQL   {address}/graphql", f"  IDE       {address}/"]
    lines += [f"  Metrics   {address}/metrics, the worker's http://{host}:{worker_port}/metrics"]
    if not settings.mail.smtp_url.get_secret_value():
        lines += [f"  Mails     {_shown(settings.home / 'mail')}"]
    if logins:
        width = max(len(login.email) for login in logins)
        lines += ["", "Demo logins (e-mail, password, role):"]
        lines += [f"  {login.email:{width}}  {login.password}  {login.role}" for login in logins]
    _say("\n".join([*lines, "", "Ctrl-C stops it."]))


def _shown(path: Path) -> Path:
    with contextlib.suppress(ValueError):
        return path.relative_to(Path.cwd())
    return path


def _say(text: str) -> None:
    """Prints at once; a terminal that has been closed must not keep us from stopping in order."""
    try:
        print(text, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for the rest of the program
