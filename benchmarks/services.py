"""Own PostgreSQL and Valkey, migrated and filled, and the servers under test as processes of their own."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from app.embedded import EmbeddedPostgres, EmbeddedValkey, locked_home
from app.identity.tokens import key_sets
from benchmarks.fill import fill

_PROJECT = Path(__file__).resolve().parent.parent
_START_WITHIN = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Services:
    """Where the services are, as environment variables for the servers under test."""

    database_url: str
    environment: dict[str, str]
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """CPU that the process has used, in user and kernel mode."""
        times = self.process.cpu_times()
        return times.user + times.system


@contextmanager
def open_services(
    home: Path | None, *, pool_size: int, filled: bool = True, counted: bool = False, durable: bool = False
) -> Iterator[Services]:
    """Starts the services in `home`, which is kept, or in a folder that is removed afterwards.

    `counted`: PostgreSQL counts statements, in pg_stat_statements. `durable`: they may be killed.
    """
    folder = home or Path(tempfile.mkdtemp(prefix="lectern-bench-"))
    try:
        with locked_home(folder) as locked:
            if home is None:
                folder.chmod(0o711)  # as root the services run as nobody and must get through
            postgres = EmbeddedPostgres(locked / "postgres", durable=durable)
            valkey = EmbeddedValkey(locked / "valkey", durable=durable)
            try:
                postgres.start()
                if counted:
                    asyncio.run(count_statements(postgres.url))
                    postgres.stop()
                    postgres.start()
                valkey.start()
                environment = _prepare(locked, postgres.url, valkey.url, pool_size, filled=filled)
                yield Services(postgres.url, environment, postgres, valkey)
            finally:
                valkey.stop()
                postgres.stop()
    finally:
        if home is None:
            shutil.rmtree(folder, ignore_errors=True)


async def count_statements(database_url: str) -> None:
    """From the server's next start on."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
    await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    await connection.close()


def _prepare(
    folder: Path, database_url: str, redis_url: str, pool_size: int, *, filled: bool
) -> dict[str, str]:
    keys = folder / "signing_keys.json"
    key_sets.read_or_create(keys)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LECTERN_")} | {
        "LECTERN_DATABASE_URL": database_url,
        "LECTERN_DATABASE_POOL_SIZE": str(pool_size),
        "LECTERN_REDIS_URL": redis_url,
        "LECTERN_SIGNING_KEYS_FILE": str(keys),
        "LECTERN_PUBLIC_URL": "http://127.0.0.1",
        "LECTERN_HOME": str(folder),
        "LECTERN_LOG_LEVEL": "WARNING",
    }
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"], cwd=_PROJECT, env=environment, check=True
    )
    if filled:
        asyncio.run(fill(database_url))
    return environment


@contextmanager
def serve(name: str, services: Services, *, profile: Path | None = None) -> Iterator[Server]:
    """One contender on a port of its own, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [] if profile is None else ["--profile", str(profile)]
    process = psutil.Popen(
        [sys.executable, "-m", "benchmarks.serve", name, "--port", str(port), *options],
        cwd=_PROJECT,
        env=services.environment,
    )
    try:
        _wait_for(port, process, name)
        yield Server(name, port, process)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: psutil.Popen, name: str) -> None:
    deadline = time.monotonic() + _START_WITHIN
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"the server {name} ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server {name} does not answer") from None
            time.sleep(0.05)
        else:
            return
