"""One process of the API: its socket, its event loop, its end."""

import asyncio
import contextlib
import errno
import logging
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager

import uvicorn
import uvloop
from starlette.types import ASGIApp

from app.cli.patience import patient
from app.cli.refusal import Refused
from app.cli.signals import Ending
from app.keyvalue import KeyValue
from app.settings import HttpSettings, Settings


def bind(settings: HttpSettings) -> socket.socket:
    """Takes the port before anything else is started. Raises Refused."""
    return _bound(settings, shared=False)


@contextmanager
def bind_many(settings: HttpSettings, number: int) -> Iterator[list[socket.socket]]:
    """As many sockets on the same port, among which the kernel spreads connections. Raises Refused."""
    # First alone: two programs that share a port without knowing would each get half of the users.
    bind(settings).close()
    with ExitStack() as stack:
        yield [stack.enter_context(_bound(settings, shared=True)) for _ in range(number)]


def _bound(settings: HttpSettings, *, shared: bool) -> socket.socket:
    with _explained(settings):
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            # Or the connections of the run before keep the port for a minute.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind(address)
        except BaseException:
            listener.close()
            raise
        return listener


def check_redis_addresses(settings: Settings) -> None:
    """Raises Refused for an address that is none; whether somebody answers there shows later."""
    for variable, redis in settings.redis_servers.items():
        try:
            KeyValue(redis)
        except ValueError as error:
            raise Refused(f"{variable} does not fit: {error}.") from error


def run(
    application: ASGIApp,
    settings: Settings,
    listener: socket.socket,
    ending: Ending,
    *,
    ready: Callable[[], None],
    lifeline: int | None = None,
    beside: Callable[[], AbstractAsyncContextManager[None]] = contextlib.nullcontext,
) -> None:
    """Serves until a signal comes; running requests get `shutdown_grace` seconds, a second signal ends them at once.

    With a `lifeline`, one of several processes: it also stops when that descriptor ends, and leaves it to its supervisor
    to lose patience. `beside` runs in the same loop, around the serving. Raises Refused.
    """
    http = settings.http
    server = _Server(
        uvicorn.Config(
            application,
            loop="uvloop",
            http=patient(http.head_timeout),
            ws="websockets-sansio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # the application knows whom to believe
            backlog=http.backlog,
            timeout_keep_alive=math.ceil(http.keep_alive),
            timeout_graceful_shutdown=math.ceil(http.shutdown_grace),
        ),
        ready,
    )
    if settings.development:
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    with (
        ending.serving(server.stop if lifeline is None else server.finish),
        _explained(http),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):

        async def serve() -> None:
            async with beside():
                await server.serve_until(lifeline, listener)

        runner.run(serve())


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals are ours: uvicorn would end the program by them before the services have been stopped.
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def serve_until(self, lifeline: int | None, listener: socket.socket) -> None:
        """Serves until `stop` or `finish`, or until nobody holds the other end of `lifeline`."""
        if lifeline is not None:
            loop = asyncio.get_running_loop()

            def let_go() -> None:
                loop.remove_reader(lifeline)
                self.finish()

            loop.add_reader(lifeline, let_go)
        await self.serve(sockets=[listener])

    def finish(self) -> None:
        """Lets running requests finish, however often it is called."""
        self.should_exit = True

    def stop(self) -> None:
        """The first call lets running requests finish, the second does not."""
        self.force_exit = self.should_exit
        self.should_exit = True


@contextmanager
def _explained(settings: HttpSettings) -> Iterator[None]:
    port = settings.port
    try:
        yield
    except socket.gaierror as error:
        raise Refused(f"LECTERN_HTTP_HOST={settings.host} is no address of this machine.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            another = port + 1 if port < 65535 else 8001
            raise Refused(f"Port {port} is taken; choose another with PORT={another} make run.") from error
        if error.errno == errno.EACCES:
            raise Refused(
                f"Port {port} is for root alone; choose another with PORT=8000 make run."
            ) from error
        if error.errno == errno.EADDRNOTAVAIL:
            raise Refused(f"LECTERN_HTTP_HOST={settings.host} is no address of this machine.") from error
        raise
