"""`lectern user` as an operator runs it: a process of its own against a real database."""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.database import Database, Query
from app.identity.models import Role
from app.identity.service import sign_in
from app.identity.throttling.throttle import Throttle
from app.settings import AuthenticationSettings, Settings
from app.telemetry import Metrics
from tests.factories.identity import PASSWORD, make_user
from tests.support.commands import run_command
from tests.support.programs import PATIENCE

ALL = Query("SELECT * FROM users ORDER BY id", (), {})
CREATE = ("create", "--email", "ann@school.test", "--name", "Ann")


class Lectern:
    """Runs the command; its environment names the database, or only a home folder."""

    def __init__(self, environment: dict[str, str]) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LECTERN_")}
        self.environment = {**clean, "COLUMNS": "200", "NO_COLOR": "1", **environment}

    async def __call__(
        self, *arguments: str, stdin: str = "", fresh: bool = False
    ) -> subprocess.CompletedProcess[str]:
        command = ["user", *arguments]
        return await asyncio.to_thread(
            run_command, command, self.environment, stdin=stdin, patience=PATIENCE, fresh=fresh
        )


@pytest.fixture
def lectern(database: Database, settings: Settings, tmp_path: Path) -> Lectern:
    return Lectern({"LECTERN_DATABASE_URL": settings.database.url, "LECTERN_HOME": str(tmp_path / "none")})


async def rows(database: Database) -> list[Any]:
    return list(await database.fetch(ALL))


async def signs_in(database: Database, email: str, password: str) -> bool:
    return bool(
        await sign_in.login(
            database, Metrics(), Throttle(AuthenticationSettings(), Metrics()), email=email, password=password
        )
    )


async def test_an_administrator_with_a_given_password(lectern: Lectern, database: Database) -> None:
    run = await lectern(*CREATE, "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n", fresh=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "Made the account ann@school.test (Ann), admin.\n"
    assert [(row["email"], row["name"], row["role"]) for row in await rows(database)] == [
        ("ann@school.test", "Ann", "admin")
    ]
    assert await signs_in(database, "ann@school.test", PASSWORD)


async def test_a_password_is_made_and_printed_once(lectern: Lectern, database: Database) -> None:
    run = await lectern(*CREATE)
    assert (run.returncode, run.stderr) == (0, "")
    password = run.stdout.strip().rsplit(" ", 1)[1]
    assert run.stdout.count(password) == 1
    assert await signs_in(database, "ann@school.test", password)
    assert (await rows(database))[0]["role"] == "student"


async def test_json_for_scripts(lectern: Lectern, database: Database) -> None:
    made = json.loads((await lectern(*CREATE, "--generate-password", "--json")).stdout)
    row = (await rows(database))[0]
    password = made.pop("password")
    assert made == {"id": row["id"], "email": "ann@school.test", "name": "Ann", "role": "student"}
    assert await signs_in(database, "ann@school.test", password)
    changed = json.loads((await lectern("set-role", "ann@school.test", "instructor", "--json")).stdout)
    assert changed == {**made, "role": "instructor"}
    assert (await rows(database))[0]["role"] == "instructor"
    entries = await database.fetch(Query("SELECT * FROM audit_log ORDER BY id", (), {}))
    assert [(entry["action"], entry["outcome"], entry["subject"], entry["device"]) for entry in entries] == [
        ("createUser", "SUCCESS", f"User:{row['id']}", "lectern user"),
        ("setRole", "SUCCESS", f"User:{row['id']}", "lectern user"),
    ]


async def test_set_role_finds_the_account_in_any_case(lectern: Lectern, database: Database) -> None:
    user = await make_user(database, email="ann@school.test", name="Ann")
    run = await lectern("set-role", "ANN@school.test", "admin")
    assert (run.returncode, run.stdout) == (0, "Changed the account ann@school.test (Ann), admin.\n")
    assert [(row["id"], row["role"]) for row in await rows(database)] == [(user.number, Role.ADMIN)]


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        ((*CREATE[:2], "taken@school.test", *CREATE[3:]), "", "exists already"),
        ((*CREATE[:2], "no address", *CREATE[3:]), "", "e-mail address is not valid"),
        ((*CREATE[:4], " "), "", "may not be empty"),
        ((*CREATE, "--password-stdin"), "short\n", "at least 8 characters"),
        ((*CREATE, "--password-stdin"), "", "holds no password"),
        ((*CREATE, "--password-stdin"), "x" * 5_000, "at most 128 characters"),
        ((*CREATE, "--password-stdin", "--generate-password"), "", "Choose one"),
        (
            ("set-role", "unknown@school.test", "admin"),
            "",
            "no account with the e-mail address unknown@school.test",
        ),
        (("set-role", "claimed@school.test", "admin"), "", "claims claimed@school.test has not proved it"),
        (("set-role", "claimed@school.test", "instructor"), "", "has not proved it"),
    ],
)
async def test_a_refusal_is_one_sentence_and_writes_nothing(
    lectern: Lectern, database: Database, arguments: tuple[str, ...], stdin: str, sentence: str
) -> None:
    await make_user(database, email="taken@school.test")
    await make_user(database, email="claimed@school.test", verified=False)
    before = await rows(database)
    run = await lectern(*arguments, stdin=stdin)
    assert (run.returncode, run.stdout) == (1, "")
    assert sentence in run.stderr
    assert run.stderr.count("\n") == 1
    assert await rows(database) == before


async def test_an_unknown_role_is_a_usage_error(lectern: Lectern, database: Database) -> None:
    run = await lectern(*CREATE, "--role", "root")
    assert run.returncode == 2
    assert "root" in run.stderr
    assert await rows(database) == []


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"LECTERN_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/none"}, "The database cannot be reached."),
        ({"LECTERN_DATABASE_URL": "nonsense"}, "PostgreSQL cannot be used"),
        ({"LECTERN_DATABASE_POOL_SIZE": "many"}, "LECTERN_DATABASE_POOL_SIZE does not fit"),
        ({"LECTERN_HOME": "/nonexistent/home"}, "which does not run in /nonexistent/home"),
    ],
)
async def test_no_database_is_one_sentence(environment: dict[str, str], sentence: str) -> None:
    run = await Lectern(environment)(*CREATE)
    assert (run.returncode, run.stdout) == (1, "")
    assert sentence in run.stderr
    assert run.stderr.count("\n") == 1


async def test_a_database_without_tables_is_one_sentence(postgres_server: str) -> None:
    run = await Lectern({"LECTERN_DATABASE_URL": postgres_server})(*CREATE)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "The database has no tables yet: run `lectern migrate`.\n"
