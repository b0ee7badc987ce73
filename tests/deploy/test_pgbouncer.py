"""Debian's PgBouncer in transaction mode, with deploy/pgbouncer/pgbouncer.ini: the suite through it, then the programs."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import perf_counter

import pytest

from app.database import Database
from app.embedded.process import free_port
from app.errors import Unavailable
from app.identity import key_sets
from app.settings import DatabaseSettings
from tests.app.pools import PROCESS, SLEEP, ask, opened
from tests.support.pgbouncer import EXAMPLE, pgbouncer, program
from tests.support.programs import LECTERN, ROOT, answers, environment, lectern, running

pytestmark = pytest.mark.skipif(
    program() is None, reason="pgbouncer is not installed (apt install pgbouncer)"
)

# Reads, mutations, sessions, and transactions that meet: with more connections than PgBouncer has to the server.
REPRESENTATIVE = (
    "tests/graphql_schema/catalog",
    "tests/graphql_schema/identity",
    "tests/app/identity/test_refreshing.py",
    "tests/app/identity/test_sessions.py",
    "tests/app/catalog/service",
    "tests/loaders",
    "tests/workers/test_identity.py",
)


@pytest.fixture
def url(database_url: str, tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "pgbouncer"
    folder.mkdir()
    with pgbouncer(database_url, folder) as address:
        yield address


@pytest.fixture
def limits(url: str) -> DatabaseSettings:
    return DatabaseSettings(url=url, pgbouncer=True, pool_wait=10)


@pytest.fixture
def variables(url: str, redis_url: str) -> dict[str, str]:
    return {
        "LECTERN_DATABASE_URL": url,
        "LECTERN_DATABASE_PGBOUNCER": "true",
        "LECTERN_REDIS_URL": redis_url,
        "LECTERN_PUBLIC_URL": "https://learn.example",
        "LECTERN_SIGNING_KEYS": key_sets.dump(dict([key_sets.generate()])),
        "LECTERN_HTTP_PORT": str(free_port()),
        "LECTERN_HTTP_BACKLOG": "10",
        "LECTERN_WORKER_PORT": str(free_port()),
    }


@pytest.mark.timeout(400)
def test_a_part_of_the_suite_passes_through_it(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "--pgbouncer", f"--basetemp={tmp_path / 'run'}", *REPRESENTATIVE],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=390,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-5000:]
    passed = re.search(r"(\d+) passed", result.stdout)
    assert passed
    assert int(passed[1]) > 100


async def test_transactions_of_one_pool_share_the_servers_connections(limits: DatabaseSettings) -> None:
    async with opened(limits, pool_size=8) as database:

        async def twice() -> list[int]:
            async with database.transaction() as tx:
                rows = [*await tx.fetch(PROCESS), *await tx.fetch(PROCESS)]
            return [row["pg_backend_pid"] for row in rows]

        pairs = await asyncio.gather(*(twice() for _ in range(40)))
    assert all(first == second for first, second in pairs)
    assert 1 < len({first for first, _ in pairs}) <= 3


async def test_time_limits_are_those_of_the_file(limits: DatabaseSettings) -> None:
    async with opened(limits, statement_timeout=30.0) as database:
        began = perf_counter()
        with pytest.raises(Unavailable):
            await database.fetch(SLEEP)
        assert perf_counter() - began < 25, "the server's limit of 2 seconds came, not the program's of 31"
        assert await show(database) == {
            "statement_timeout": "2s",
            "lock_timeout": "1s",
            "idle_in_transaction_session_timeout": "10s",
            "jit": "off",
            "random_page_cost": "1.1",
            "TimeZone": "UTC",
            "application_name": "lectern",
        }


async def show(database: Database) -> dict[str, str]:
    names = (
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "jit",
        "random_page_cost",
        "TimeZone",
        "application_name",
    )
    async with database.transaction() as tx:
        return {name: (await tx.fetch_text(f"SHOW {name}"))[0][0] for name in names}


async def test_the_limits_are_the_defaults_of_the_settings(url: str, limits: DatabaseSettings) -> None:
    """Who changes one changes the other."""
    for name, seconds in (
        ("statement_timeout", limits.statement_timeout),
        ("lock_timeout", limits.lock_timeout),
        ("idle_in_transaction_session_timeout", limits.idle_in_transaction_timeout),
    ):
        assert f"SET {name} = {seconds * 1000:.0f}" in EXAMPLE.read_text()
    assert await ask(limits.model_copy(update={"url": url}), "SELECT 1") == 1


def test_the_programs_run_through_it(variables: dict[str, str], tmp_path: Path) -> None:
    doctor = lectern("doctor", "--processes", "1000", **variables)
    assert (doctor.returncode, doctor.stderr) == (0, ""), doctor.stdout
    url = f"http://127.0.0.1:{variables['LECTERN_HTTP_PORT']}"
    for command, ready in (
        (["serve", "--workers", "2"], f"{url}/readyz"),
        (["worker"], f"http://127.0.0.1:{variables['LECTERN_WORKER_PORT']}/readyz"),
    ):
        with running([*LECTERN, *command], tmp_path, **variables) as program:
            program.wait_for(partial(answers, ready), "answer")
            program.send(signal.SIGTERM)
            assert program.end() == 0
            assert "Traceback" not in program.output


def test_the_doctor_sees_that_nothing_limits_statements(
    database_url: str, variables: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "without"
    folder.mkdir()
    with pgbouncer(database_url, folder, limited=False) as url:
        doctor = lectern("doctor", "--json", **(variables | {"LECTERN_DATABASE_URL": url}))
    problems = json.loads(doctor.stdout)["problems"]
    assert [problem["check"] for problem in problems] == ["limits"] * 3
    assert "statement_timeout is 0" in problems[0]["problem"]
