"""One process of the API: its socket, its event loop, its end."""

import asyncio
import contextlib
import errno
import logging
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
import uvloop
from starlette.types import ASGIApp

from app.cli.refusal import Refused
from app.cli.signals import Ending
from app.keyvalue import KeyValue
from app.settings import HttpSettings, RedisSettings, Settings


def bind(settings: HttpSettings) -> socket.socket:
    """Takes the port before anything else is started. Raises Refused."""
    with _explained(settings):
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            # Or the connections of the run before keep the port for a minute.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except BaseException:
            listener.close()
            raise
        return listener


def check_redis_address(settings: RedisSettings) -> None:
    """Raises Refused for an address that is none; whether somebody answers there shows later."""
    try:
        KeyValue(settings)
    except ValueError as error:
        raise Refused(f"LECTERN_REDIS_URL does not fit: {error}.") from error


def run(
    application: ASGIApp,
    settings: Settings,
    listener: socket.socket,
    ending: Ending,
    *,
    ready: Callable[[], None],
) -> None:
    """Serves until a signal comes; running requests get `shutdown_grace` seconds. Raises Refused."""
    http = settings.http
    server = _Server(
        uvicorn.Config(
            application,
            loop="uvloop",
            http="httptools",
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
        ending.serving(server.stop),
        _explained(http),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(server.serve(sockets=[listener]))


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
