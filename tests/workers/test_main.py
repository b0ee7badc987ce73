"""Workers as real processes, with a cron table of one job that comes every second."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.embedded import EmbeddedValkey
from app.embedded.valkey import _program
from app.identity.tokens import key_sets
from tests.app import pools
from tests.conftest import make_migrated_database
from tests.support.ports import free_port
from tests.support.programs import PATIENCE, ROOT, Program, running
from tests.support.services import temporary_home

TICKING = [sys.executable, str(ROOT / "tests/workers/ticking.py")]


@pytest.fixture
async def scratch(postgres_server: str, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """A connection to a database for the jobs of ticking.py, which need tables of their own."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    url = await make_migrated_database(postgres_server, f"ticking_{worker}")
    connection = await asyncpg.connect(url)
    await connection.execute(
        "CREATE TABLE ticks (id int GENERATED ALWAYS AS IDENTITY); CREATE TABLE begun (id int GENERATED ALWAYS AS IDENTITY);"
        "CREATE TABLE gate (id int); INSERT INTO gate VALUES (1)"
    )
    yield connection, url
    await connection.close()


@pytest.fixture
def valkey() -> Iterator[EmbeddedValkey]:
    """A server of its own: arq's keys are the same for all, and one test takes it away."""
    with temporary_home() as home:
        server = EmbeddedValkey(home / "valkey", durable=False)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def variables(scratch: Any, valkey: EmbeddedValkey) -> dict[str, str]:
    return {
        "LECTERN_DATABASE_URL": scratch[1],
        "LECTERN_DATABASE_LOCK_TIMEOUT": "60",
        "LECTERN_DATABASE_STATEMENT_TIMEOUT": "60",
        "LECTERN_REDIS_URL": valkey.url,
        "LECTERN_SIGNING_KEYS": key_sets.dump(dict([key_sets.generate()])),
        "LECTERN_WORKER_PORT": str(free_port()),
    }


def started(program: Program) -> Program:
    program.wait_for(lambda: "the worker runs" in program.output, "worker")
    return program


def lines(program: Program) -> list[dict[str, Any]]:
    return [json.loads(line) for line in program.output.splitlines()]


def read(variables: dict[str, str], path: str) -> str:
    with urllib.request.urlopen(
        f"http://127.0.0.1:{variables['LECTERN_WORKER_PORT']}{path}", timeout=30
    ) as answer:
        return str(answer.read().decode())


@contextmanager
def again(valkey: EmbeddedValkey) -> Iterator[None]:
    """The server that was stopped, on its old port, which `start` would change, once nobody else uses that."""
    deadline = time.monotonic() + PATIENCE
    while True:
        server = subprocess.Popen([_program(), str(valkey._configuration)], stdout=subprocess.DEVNULL)
        while server.poll() is None and not valkey._ready():
            time.sleep(0.01)
        if server.poll() is None:
            break
        assert time.monotonic() < deadline
    try:
        yield
    finally:
        server.terminate()
        server.wait()


async def ticks(connection: Any, number: int) -> None:
    """Waits for so many more."""
    before = await connection.fetchval("SELECT count(*) FROM ticks")
    await pools.until(
        lambda: connection.fetchval("SELECT count(*) >= $1 FROM ticks", before + number),
    )


async def test_of_three_workers_one_runs_it(scratch: Any, variables: dict[str, str], tmp_path: Path) -> None:
    connection = scratch[0]
    with ExitStack() as stack:
        programs = [
            stack.enter_context(
                running(
                    [*TICKING, "tick"], tmp_path, **(variables | {"LECTERN_WORKER_PORT": str(free_port())})
                )
            )
            for _ in range(3)
        ]
        for program in programs:
            started(program)
        await ticks(connection, 4)
        for program in programs:
            program.send(signal.SIGTERM)
        assert [program.end() for program in programs] == [0, 0, 0]
    runs = await connection.fetch("SELECT outcome FROM cron_runs")
    waiting = await connection.fetchval("SELECT count(*) FROM jobs")
    assert [run["outcome"] for run in runs].count("succeeded") == len(runs) - waiting
    assert await connection.fetchval("SELECT count(*) FROM ticks") == len(runs) - waiting


async def test_a_run_is_a_line_and_series(scratch: Any, variables: dict[str, str], tmp_path: Path) -> None:
    with running([*TICKING, "tick"], tmp_path, **variables) as program:
        await ticks(scratch[0], 2)
        metrics = read(variables, "/metrics")
        assert read(variables, "/readyz") == '{"status":"ready"}'
        program.send(signal.SIGTERM)
        assert program.end() == 0
        runs = [line for line in lines(program) if line.get("job") == "tick"]
    assert len(runs) >= 2
    assert {run["outcome"] for run in runs} == {"succeeded"}
    assert {"seconds", "result"} <= runs[0].keys()
    assert 'lectern_cron_runs_total{job="tick",outcome="succeeded"} ' in metrics
    assert 'lectern_cron_seconds_count{job="tick"} ' in metrics
    assert 'lectern_cron_last_success_timestamp_seconds{job="tick"} 1.' in metrics


async def test_a_failure_is_counted_and_ends_nothing(variables: dict[str, str], tmp_path: Path) -> None:
    with running([*TICKING, "broken"], tmp_path, **variables) as program:
        program.wait_for(lambda: program.output.count("as arranged") >= 2, "second failure")
        metrics = read(variables, "/metrics")
        program.send(signal.SIGTERM)
        assert program.end() == 0
    assert 'lectern_cron_runs_total{job="broken",outcome="failed"} ' in metrics
    assert "lectern_cron_last_success_timestamp_seconds{" not in metrics


async def test_a_worker_outlives_redis(
    scratch: Any, valkey: EmbeddedValkey, variables: dict[str, str], tmp_path: Path
) -> None:
    with running([*TICKING, "tick"], tmp_path, **variables) as program:
        await ticks(scratch[0], 1)
        valkey.stop()
        program.wait_for(lambda: "Redis is away" in program.output, "notice")
        assert read(variables, "/healthz") == '{"status":"alive"}'
        with again(valkey):
            await ticks(scratch[0], 2)
            program.send(signal.SIGTERM)
            assert program.end() == 0
        assert program.output.count("Redis is away") == 1


async def test_what_runs_is_finished(scratch: Any, variables: dict[str, str], tmp_path: Path) -> None:
    connection = scratch[0]
    with running([*TICKING, "slow"], tmp_path, **variables, LECTERN_WORKER_SHUTDOWN_GRACE="60") as program:
        async with connection.transaction():
            await connection.execute("SELECT id FROM gate FOR UPDATE")
            await pools.until(lambda: connection.fetchval("SELECT count(*) > 0 FROM begun"))
            program.send(signal.SIGTERM)
            # Nothing new begins: the seconds go by, the jobs that wait stay as many.
            program.wait_for(lambda: "ends" in program.output, "end of new jobs")
            begun = await connection.fetchval("SELECT count(*) FROM begun")
        assert program.end() == 0
    assert await connection.fetchval("SELECT count(*) FROM ticks") == begun
    assert await connection.fetchval("SELECT count(*) FROM begun") == begun


@pytest.mark.parametrize(("grace", "signals"), [("0.2", 1), ("600", 2)])
async def test_who_takes_too_long_is_cut_off(
    scratch: Any, variables: dict[str, str], tmp_path: Path, grace: str, signals: int
) -> None:
    connection = scratch[0]
    with running([*TICKING, "slow"], tmp_path, **variables, LECTERN_WORKER_SHUTDOWN_GRACE=grace) as program:
        async with connection.transaction():
            await connection.execute("SELECT id FROM gate FOR UPDATE")
            await pools.until(lambda: connection.fetchval("SELECT count(*) > 0 FROM begun"))
            program.send(signal.SIGTERM)
            if signals == 2:
                program.wait_for(lambda: "ends" in program.output, "end of new jobs")
                program.send(signal.SIGTERM)
            assert program.end() == 0
        assert any(line.get("outcome") == "cut_off" for line in lines(program))
        # Handed back: the next worker begins with it.
        assert await connection.fetchval("SELECT count(*) FROM jobs WHERE due_at <= now()") == 1
    assert await connection.fetchval("SELECT count(*) FROM ticks") == 0
