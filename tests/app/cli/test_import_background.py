"""What `lectern import ... --background` asks for, and what it refuses; workers/ has what becomes of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.database import Database
from app.identity.models import Role
from graphql_schema.node import global_id
from tests.factories.catalog import nothing_written, run
from tests.factories.identity import make_user
from tests.factories.operations import row_of
from tests.support.programs import lectern as command

HERE = Path.cwd()
BY = ("--background", "--owner")


@pytest.fixture
def variables(database_url: str, redis_url: str, database: Database) -> dict[str, str]:
    return {"LECTERN_DATABASE_URL": database_url, "LECTERN_REDIS_URL": redis_url}


@pytest.fixture
async def file(database: Database, tmp_path: Path) -> AsyncIterator[Path]:
    """Of one title; nothing may be written while it is there."""
    await make_user(database, email="student@school.test")
    await make_user(database, Role.INSTRUCTOR, email="lead@school.test")
    made = tmp_path / "file"
    made.write_bytes(b"title\nA\n")
    async with nothing_written(database):
        yield made
    assert made.read_bytes() == b"title\nA\n"


async def import_(variables: dict[str, str], *arguments: str) -> Any:
    return await asyncio.to_thread(command, "import", *arguments, **variables)


async def test_a_catalogue_is_asked_for(
    variables: dict[str, str], database: Database, tmp_path: Path
) -> None:
    owner = await make_user(database, Role.INSTRUCTOR)
    file = tmp_path / "courses.csv"
    result = await import_(
        variables,
        *("catalog", str(file), "--background", "--owner", owner.email.upper(), "--columns", "title=name"),
        *("--key", "id", "--source", "theirs", "--status", "draft", "--delimiter", "tab"),
    )
    assert (result.returncode, result.stderr) == (0, "")
    (job,) = await run(database, "SELECT name, payload FROM jobs")
    operation_id = UUID(job["payload"]["operation"])
    assert result.stdout == f"A worker will do it. Follow it: lectern operations watch {operation_id}\n"
    row = await row_of(database, operation_id)
    assert (row["kind"], row["owner_id"], row["state"]) == ("import_catalog", owner.number, "queued")
    assert row["arguments"] == {
        "path": str(file),
        "report": None,
        "options": {
            "columns": {"title": "name"},
            "key": "id",
            "source": "theirs",
            "status": "draft",
            "instructor": None,
            "delimiter": "\t",
            "encoding": "utf-8",
            "chunk_size": 1000,
        },
    }


async def test_a_curriculum_is_asked_for(variables: dict[str, str], database: Database) -> None:
    lead = await make_user(database, Role.ADMIN)
    result = await import_(
        variables,
        *(
            "curriculum",
            "tree.tgz",
            "--background",
            "--instructor",
            lead.email,
            "--report",
            "r.csv",
            "--json",
        ),
    )
    assert (result.returncode, result.stderr) == (0, "")
    answer = json.loads(result.stdout)
    operation_id = UUID(answer["operation"])
    assert answer["id"] == global_id("Operation", operation_id)
    row = await row_of(database, operation_id)
    assert (row["kind"], row["owner_id"]) == ("import_curriculum", lead.number)
    # The worker's current folder is another one.
    assert row["arguments"] == {
        "path": str(HERE / "tree.tgz"),
        "report": str(HERE / "r.csv"),
        "options": {"source": "curriculum", "status": "published", "instructor": lead.email},
    }


@pytest.mark.parametrize(
    ("what", "arguments", "sentence"),
    [
        ("catalog", ("--background",), "Say who may follow it: --owner EMAIL."),
        ("curriculum", ("--background",), "Say who may follow it: --owner EMAIL."),
        ("catalog", ("--owner", "a@example.org"), "--owner goes with --background"),
        ("curriculum", ("--owner", "a@example.org"), "--owner goes with --background"),
        ("catalog", (*BY, "nobody@example.org"), "There is no account with the e-mail address"),
        ("curriculum", (*BY, "student@school.test"), "student@school.test is a student"),
        ("catalog", (*BY, "lead@school.test", "--source", " "), "A source is a name"),
        ("curriculum", (*BY, "lead@school.test", "--status", "old"), "A status is published or draft."),
        ("catalog", (*BY, "lead@school.test", "--columns", "colour=a"), '"colour" is nothing a course has'),
        ("curriculum", (*BY, "lead@school.test", "--report", "FILE"), "The report would overwrite the file"),
        ("catalog", (*BY, "lead@school.test", "--report", "FOLDER"), "is no file: only without --background"),
    ],
)
async def test_what_is_refused_is_not_asked_for(
    variables: dict[str, str], file: Path, what: str, arguments: tuple[str, ...], sentence: str
) -> None:
    places = {"FILE": str(file), "FOLDER": str(file.parent)}
    given = [places.get(argument, argument) for argument in arguments]
    result = await import_(variables, what, str(file), *given)
    assert (result.returncode, result.stdout) == (1, "")
    assert sentence in result.stderr
