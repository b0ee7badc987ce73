"""Real services for the suite: one PostgreSQL for all workers, one Valkey for each. All gone when the run ends.

conftest.py:  pytest_configure_node -> hand_to_worker(node)      (xdist alone)
              a session fixture     -> suite_postgres(config)    the superuser's URL
              a session fixture     -> with worker_valkey() as url
              pytest_unconfigure    -> stop_services()
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from app.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedValkey, locked_home

_PREFIX = "lectern-suite-"
_STALE_AFTER = 60.0  # seconds
_INPUT = "lectern_postgres_url"

_open = ExitStack()
_postgres: EmbeddedPostgres | None = None


def suite_postgres(config: pytest.Config) -> str:
    """URL of the suite's PostgreSQL as superuser; started at the first call, shared by xdist's workers."""
    handed: str | None = getattr(config, "workerinput", {}).get(_INPUT)
    return handed or _start_postgres()


def hand_to_worker(node: Any) -> None:
    """For xdist's hook `pytest_configure_node`, which runs in the controller, before the worker starts."""
    node.workerinput[_INPUT] = _start_postgres()


@contextmanager
def worker_valkey() -> Iterator[str]:
    """A Valkey of this process alone: pub/sub and FLUSHALL cross database numbers. Yields its URL."""
    with temporary_home() as home:
        valkey = EmbeddedValkey(home / "valkey", durable=False)
        valkey.start()
        try:
            yield valkey.url
        finally:
            valkey.stop()


def stop_services() -> None:
    """For `pytest_unconfigure`, which also runs after Ctrl-C. A killed run is ended by the kernel instead."""
    global _postgres  # noqa: PLW0603 - one server a run is the point
    _postgres = None
    _open.close()


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A folder for embedded services that is removed afterwards; first removes what killed runs have left."""
    for stale in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(EmbeddedError, OSError):
            # A younger one may be another worker's, who has made it and not yet locked it.
            if time.time() - stale.stat().st_mtime > _STALE_AFTER:
                with locked_home(stale):
                    shutil.rmtree(stale, ignore_errors=True)
    home = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with locked_home(home):
        home.chmod(0o711)  # as root the services run as nobody and must get through
        try:
            yield home
        finally:
            shutil.rmtree(home, ignore_errors=True)


def _start_postgres() -> str:
    global _postgres  # noqa: PLW0603
    if _postgres is None:
        postgres = EmbeddedPostgres(
            _open.enter_context(temporary_home()) / "postgres", durable=False, max_connections=200
        )
        postgres.start()
        _open.callback(postgres.stop)
        _postgres = postgres
    return _postgres.url
