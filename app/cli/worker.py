"""`lectern worker`: the background program in production."""

import asyncio
import errno
import http.client
import logging
from typing import Annotated

import typer
import uvloop

from app.cli import serve, server
from app.cli.refusal import Refused
from app.cli.signals import graceful_ending
from app.identity.tokens.signing_keys import SigningKeys
from app.settings import Settings, WorkerSettings
from app.telemetry import configure_logging

_PATIENCE = 3.0  # seconds that `--check` waits

_log = logging.getLogger(__name__)


def worker(
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Only ask whether the worker of these settings lives; exit code 1 if not."
        ),
    ] = False,
) -> None:
    """Run what runs by the clock; as many workers as you like, each run happens in one of them."""
    if check:
        _check(WorkerSettings())
        return
    settings = Settings()
    serve.require(settings, "worker")
    SigningKeys.load(settings)
    server.check_redis_addresses(settings)
    configure_logging(json=True, level=settings.log_level)
    logging.getLogger("arq").setLevel(logging.WARNING)  # it says each job twice; ours say it once
    with graceful_ending() as ending:
        asyncio.run(serve.check_database(settings, 1))
        from workers import main  # noqa: PLC0415 - what is wrong with the services is said first

        async def run() -> None:
            loop = asyncio.get_running_loop()
            stop = main.Stop()

            def end() -> None:
                loop.call_soon_threadsafe(stop.ask)

            with ending.serving(end):
                await main.run(settings, stop, ready=lambda: _log.info("the worker runs"))

        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run())
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise Refused(
                f"Port {settings.worker.port} is taken; choose another with LECTERN_WORKER_PORT."
            ) from error


def _check(settings: WorkerSettings) -> None:
    """Raises Refused unless the worker answers. It need not reach Redis: to start it anew would not help."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    connection = http.client.HTTPConnection(host, settings.port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/healthz")
        answered = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise Refused(f"No worker answers on port {settings.port}: {error}.") from error
    finally:
        connection.close()
    if answered != http.client.OK:
        raise Refused(f"What answers on port {settings.port} is no worker.")
