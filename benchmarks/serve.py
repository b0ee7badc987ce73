"""One contender under uvicorn: python -m benchmarks.serve NAME --port PORT. Started by services.py."""

import argparse
import ctypes
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

_PR_SET_PDEATHSIG = 1


def _lectern() -> Any:
    from app.asgi import create_app  # noqa: PLC0415 - a contender loads only its own code
    from app.settings import Settings  # noqa: PLC0415

    return create_app(Settings())


def _floor() -> Any:
    from benchmarks.floor import create_app  # noqa: PLC0415

    return create_app()


def _learner_floor() -> Any:
    from benchmarks.learner_floor import create_app  # noqa: PLC0415

    return create_app()


def _playback_floor() -> Any:
    from benchmarks.playback_floor import create_app  # noqa: PLC0415

    return create_app()


def _beat_floor() -> Any:
    from benchmarks.beat_floor import create_app  # noqa: PLC0415

    return create_app()


def _beat_updates() -> Any:
    from benchmarks.beat_updates import create_app  # noqa: PLC0415

    return create_app()


def _plain(*, cached: bool) -> Any:
    from benchmarks.plain_strawberry import create_app  # noqa: PLC0415

    return create_app(cached=cached)


COMPARED = ("floor", "lectern", "plain", "plain-cached")
"""On the catalogue's two queries."""

CONTENDERS: dict[str, Callable[[], Any]] = {
    "floor": _floor,
    "lectern": _lectern,
    "learner-floor": _learner_floor,
    "playback-floor": _playback_floor,
    "beat-floor": _beat_floor,
    "beat-updates": _beat_updates,
    "plain": partial(_plain, cached=False),
    "plain-cached": partial(_plain, cached=True),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--profile", type=Path)
    options = parser.parse_args()
    if sys.platform == "linux":
        # A measurement that is killed leaves no server behind.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    app = CONTENDERS[options.name]()
    config = uvicorn.Config(
        app,
        port=options.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        lifespan="on",
        proxy_headers=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    if options.profile is None:
        server.run()
    else:
        from benchmarks.sampler import sampling  # noqa: PLC0415

        # uvicorn raises the signal that stopped it once more, which would end the process before the file is written.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with sampling(options.profile):
            server.run()


if __name__ == "__main__":
    main()
