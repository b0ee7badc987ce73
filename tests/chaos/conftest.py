"""Deaths that the ordinary suite cannot try. `make chaos` runs them; `make test` passes this folder by."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.embedded.process import free_port
from app.identity.models import Role
from app.identity.tokens import key_sets
from app.identity.tokens.access_tokens import AccessTokens
from app.identity.tokens.signing_keys import SigningKeys
from app.settings import AuthenticationSettings, Mode, Settings
from tests.chaos.disks import Disk, DiskError, keep_mounts_to_ourselves
from tests.chaos.players import Players, fill
from tests.chaos.slow_syncs import NoCompilerError, slow_syncs
from tests.conftest import make_migrated_database
from tests.support.programs import Program, answers, running
from tests.support.services import suite_postgres, temporary_home

MISSING = pytest.StashKey[str]()
MEASURED = pytest.StashKey[list[str]]()
# A run that is killed leaves no program behind, which would hold its disks.
_LECTERN = """
import ctypes, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
from app.cli import main
main()
"""
_PUBLIC_URL = "https://learn.example"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MEASURED] = []
    try:
        keep_mounts_to_ourselves()
    except DiskError as error:
        config.stash[MISSING] = str(error)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash[MEASURED]:
        terminalreporter.section("measured")
        for line in config.stash[MEASURED]:
            terminalreporter.write_line(line)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Whatever a test starts ends with it, the latest first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def home(stack: ExitStack) -> Path:
    """For files of services, on the machine's own disk."""
    return stack.enter_context(temporary_home())


@pytest.fixture
def disk(stack: ExitStack, home: Path, request: pytest.FixtureRequest) -> Callable[[str], Disk]:
    """Makes disks whose host can die. Skips where there can be none."""

    def make(name: str) -> Disk:
        try:
            made = Disk(home, name)
        except DiskError as error:
            pytest.skip(f"needs {error}")
        stack.callback(made.close)
        return made

    if (missing := request.config.stash.get(MISSING, None)) is not None:
        pytest.skip(f"needs {missing}")
    return make


@pytest.fixture
def slowly(home: Path) -> Callable[[float], dict[str, str]]:
    """Variables for a Valkey each of whose syncs takes so many seconds longer. Skips where that cannot be made."""

    def make(seconds: float) -> dict[str, str]:
        try:
            return slow_syncs(home, seconds)
        except NoCompilerError as error:
            pytest.skip(f"needs {error}")

    return make


AT_ONCE = 0.02
"""Seconds between flushes that nearly always are on their way."""


class Stage:
    """Programs and players around services of which the test lets some die."""

    def __init__(self, stack: ExitStack, folder: Path, config: pytest.Config) -> None:
        self.stack = stack
        """What stands in it ends with the test."""
        self._folder, self._config = folder, config
        self.players: Players | None = None

    def measured(self, figures: str) -> None:
        """Says them at the end of the run."""
        self._config.stash[MEASURED].append(figures)

    async def database(self) -> str:
        """URL of one that is migrated and empty, on a PostgreSQL that stays."""
        return await make_migrated_database(suite_postgres(self._config), "chaos")

    async def set(self, database_url: str, redis_url: str, *, flushing: float | None) -> Players:
        """An API; a worker that flushes every so many seconds, or none; players who have not begun. For an empty database."""
        viewers, videos = await fill(database_url)
        keys = key_sets.dump(dict([key_sets.generate()]))
        variables = {
            "LECTERN_DATABASE_URL": database_url,
            "LECTERN_REDIS_URL": redis_url,
            "LECTERN_SIGNING_KEYS": keys,
            "LECTERN_PUBLIC_URL": _PUBLIC_URL,
        }
        if flushing is not None:
            # What the dead have taken is free again as soon as it may be.
            variables |= {
                "LECTERN_PROGRESS_FLUSH_INTERVAL": str(flushing),
                "LECTERN_PROGRESS_FLUSH_LEASE": "1",
            }
            worker = self._run("worker", variables | {"LECTERN_WORKER_PORT": "0"})
            worker.wait_for(lambda: "the worker runs" in worker.output, "worker")
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        api = self._run("serve", variables | {"LECTERN_HTTP_PORT": str(port)})
        api.wait_for(lambda: answers(f"{url}/healthz"), "answer")
        settings = Settings(
            mode=Mode.DEVELOPMENT,
            home=self._folder,
            authentication=AuthenticationSettings(public_url=_PUBLIC_URL, signing_keys=keys),
        )
        issuer = AccessTokens(SigningKeys.load(settings), settings.authentication)
        tokens = {viewer: issuer.issue(viewer, Role.STUDENT).token for viewer in viewers}
        self.players = Players(url, tokens, videos)
        return self.players

    def _run(self, command: str, variables: dict[str, str]) -> Program:
        return self.stack.enter_context(
            running([sys.executable, "-c", _LECTERN, command], self._folder, **variables)
        )


@pytest.fixture
async def stage(stack: ExitStack, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    made = Stage(stack, tmp_path, request.config)
    yield made
    if made.players is not None:
        await made.players.close()
