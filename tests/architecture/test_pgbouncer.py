"""A representative part of the suite through a real PgBouncer in transaction mode, with the configuration we hand out."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.database import Database, Query
from app.errors import Unavailable
from app.settings import DatabaseSettings
from app.telemetry import Metrics
from tests.architecture.source_tree import ROOT
from tests.support.pgbouncer import pgbouncer, program

pytestmark = pytest.mark.skipif(
    program() is None, reason="pgbouncer is not installed: Debian's package pgbouncer"
)
PROCESS = Query("SELECT pg_backend_pid() AS id", (), {})
NAP = Query("SELECT pg_sleep(0.2)", (), {})
SLEEP = Query("SELECT pg_sleep(60)", (), {})
# Reads and writes of every kind: sign-ins and their races, the catalogue's mutations and pages, drafts, the audit log.
PART = (
    "tests/graphql_schema/identity",
    "tests/graphql_schema/catalog/test_queries_pages.py",
    "tests/graphql_schema/catalog/mutations/test_courses.py",
    "tests/graphql_schema/catalog/mutations/test_lessons_order.py",
    "tests/graphql_schema/test_auditing.py",
    "tests/app/identity/service",
)


@pytest.fixture(scope="module")
async def through(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    with pgbouncer(database_url, tmp_path_factory.mktemp("pgbouncer")) as url:
        database = Database(DatabaseSettings(url=url, pool_size=8, pgbouncer=True), Metrics())
        await database.open()
        yield database
        await database.close()


async def test_transactions_of_one_client_run_on_several_servers(through: Database) -> None:
    """Otherwise nothing here would tell that it is in transaction mode."""
    await asyncio.gather(*(through.fetch(NAP) for _ in range(8)))
    processes = set()
    for _ in range(10):
        for _ in range(2):
            processes.add((await through.fetch(PROCESS))[0]["id"])
        async with through.transaction() as tx:
            ids = [(await tx.fetch(PROCESS))[0]["id"] for _ in range(3)]
        assert len(set(ids)) == 1
    assert len(processes) > 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("statement_timeout", "2s"),
        ("lock_timeout", "1s"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("jit", "off"),
        ("TimeZone", "UTC"),
    ],
)
async def test_limits_are_those_that_programs_set_themselves(
    through: Database, name: str, value: str
) -> None:
    rows = await through.fetch(Query(f"SHOW {name}", (), {}))
    assert tuple(rows[0].values()) == (value,)


async def test_a_statement_is_cut_off(through: Database) -> None:
    with pytest.raises(Unavailable, match="took too long"):
        await through.fetch(SLEEP)
    assert await through.fetch(PROCESS)


async def test_no_statement_is_kept_prepared(through: Database) -> None:
    kept = Query("SELECT count(*) AS count FROM pg_prepared_statements WHERE name <> ''", (), {})
    for _ in range(10):
        assert (await through.fetch(kept))[0]["count"] == 0


@pytest.mark.timeout(600)
def test_a_part_of_the_suite(tmp_path: Path) -> None:
    """In a process of its own: its fixtures go through PgBouncer, this one's do not."""
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--pgbouncer",
            "-n",
            "0",
            "--basetemp",
            str(tmp_path / "own"),
            *PART,
        ],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-5000:]
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None
    assert int(passed[1]) > 300
