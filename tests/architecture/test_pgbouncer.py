"""A representative part of the suite through a real PgBouncer in transaction mode, with the configuration we hand out."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from app.database import Database, Query
from app.errors import Unavailable
from app.identity.tokens import key_sets
from app.settings import DatabaseSettings
from app.telemetry import Metrics
from tests.architecture.source_tree import ROOT
from tests.support.mail_server import mail_server
from tests.support.pgbouncer import EXAMPLE, pgbouncer, program
from tests.support.ports import free_port
from tests.support.programs import LECTERN, answers, lectern, running

pytestmark = pytest.mark.skipif(
    program() is None, reason="pgbouncer is not installed: Debian's package pgbouncer"
)
PROCESS = Query("SELECT pg_backend_pid() AS id", (), {})
NAP = Query("SELECT pg_sleep(0.2)", (), {})
SLEEP = Query("SELECT pg_sleep(60)", (), {})
# Some of every kind: accounts, sign-ins and their races, advisory locks, the catalogue's mutations and pages, drafts,
# enrolments, beats, flushes of multiranges, playback, jobs and their relay, imports, the audit log.
PART = (
    "tests/graphql_schema/identity/mutations/test_accounts.py",
    "tests/graphql_schema/identity/mutations/test_email_addresses.py",
    "tests/graphql_schema/catalog/test_queries_pages.py::test_all_pages",
    "tests/graphql_schema/catalog/mutations/test_courses.py",
    "tests/graphql_schema/catalog/mutations/test_lessons_order.py",
    "tests/graphql_schema/learning/mutations/test_enrollments.py",
    "tests/graphql_schema/learning/mutations/test_progress.py",
    "tests/graphql_schema/learning/types/test_playback.py",
    "tests/graphql_schema/test_auditing.py",
    "tests/app/catalog/importing/test_import_catalog.py",
    "tests/app/identity/service",
    "tests/app/learning/importing/roster",
    "tests/app/learning/service/test_prerequisites.py",
    "tests/app/outbox/test_claims.py",
    "tests/app/outbox/test_enqueueing.py",
    "tests/app/outbox/test_relay.py",
    "tests/workers/test_learning_flushing.py",
    "tests/workers/test_running.py",
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


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("statement_timeout", DatabaseSettings.model_fields["statement_timeout"].default),
        ("lock_timeout", DatabaseSettings.model_fields["lock_timeout"].default),
        (
            "idle_in_transaction_session_timeout",
            DatabaseSettings.model_fields["idle_in_transaction_timeout"].default,
        ),
    ],
)
def test_the_files_limits_are_the_settings_defaults(name: str, seconds: float) -> None:
    """Who changes one changes the other."""
    assert f"SET {name} = {seconds * 1000:.0f}" in EXAMPLE.read_text()


@pytest.fixture
def variables(keeping_redis_url: str) -> Iterator[dict[str, str]]:
    """What the programs need besides the database's address."""
    with mail_server() as (smtp_url, _):
        yield {
            "LECTERN_DATABASE_PGBOUNCER": "true",
            "LECTERN_REDIS_URL": keeping_redis_url,
            "LECTERN_SMTP_URL": smtp_url,
            "LECTERN_PUBLIC_URL": "https://learn.example",
            "LECTERN_SIGNING_KEYS": key_sets.dump(dict([key_sets.generate()])),
            "LECTERN_HTTP_PORT": str(free_port()),
            "LECTERN_HTTP_BACKLOG": "10",
            "LECTERN_WORKER_PORT": str(free_port()),
        }


def test_the_programs_run_through_it(database_url: str, variables: dict[str, str], tmp_path: Path) -> None:
    with pgbouncer(database_url, tmp_path) as url:
        variables["LECTERN_DATABASE_URL"] = url
        doctor = lectern("doctor", "--processes", "1000", **variables)
        assert (doctor.returncode, doctor.stderr) == (0, ""), doctor.stdout
        for command, port in (
            (["serve", "--workers", "2"], variables["LECTERN_HTTP_PORT"]),
            (["worker"], variables["LECTERN_WORKER_PORT"]),
        ):
            with running([*LECTERN, *command], tmp_path, **variables) as started:
                started.wait_for(partial(answers, f"http://127.0.0.1:{port}/readyz"), "answer")
                started.send(signal.SIGTERM)
                assert started.end() == 0
                assert "Traceback" not in started.output


def test_the_doctor_sees_that_nothing_limits_statements(
    database_url: str, variables: dict[str, str], tmp_path: Path
) -> None:
    with pgbouncer(database_url, tmp_path, limited=False) as url:
        doctor = lectern("doctor", "--json", **variables, LECTERN_DATABASE_URL=url)
    problems = json.loads(doctor.stdout)["problems"]
    assert [problem["check"] for problem in problems] == ["limits"] * 3
    assert "statement_timeout is 0" in problems[0]["problem"]


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
