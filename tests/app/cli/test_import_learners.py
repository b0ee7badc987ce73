"""`lectern import learners` as an operator runs it: a process of its own against a real database."""

import asyncio
import csv
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.database import Database
from app.identity.models import Role
from tests.factories.catalog import nothing_written, run
from tests.factories.identity import make_user
from tests.factories.operations import row_of
from tests.support.programs import installed
from tests.support.programs import lectern as command
from tests.support.universities import SMALL, university


@pytest.fixture
def variables(database_url: str, redis_url: str, database: Database) -> dict[str, str]:
    return {"LECTERN_DATABASE_URL": database_url, "LECTERN_REDIS_URL": redis_url, "COLUMNS": "200"}


async def import_(variables: dict[str, str], *arguments: str | Path) -> Any:
    return await asyncio.to_thread(command, "import", "learners", *map(str, arguments), **variables)


async def test_all_in_then_nothing_to_do(
    variables: dict[str, str], database: Database, tmp_path: Path
) -> None:
    folder = university(tmp_path / "files")
    (folder / "assessments.csv").touch()
    first = await asyncio.to_thread(
        installed, "import", "learners", str(folder), "--json", "--start", "2013J=2013-10-05", **variables
    )
    assert (first.returncode, first.stderr) == (0, "")
    answer = json.loads(first.stdout)
    assert answer.pop("seconds") > 0
    assert {each["what"]: each["count"] for each in answer.pop("oddities")} == {
        "unregistered after the end": 1,
        "unregistered before the start": 1,
        "unregistered without being withdrawn": 1,
        "withdrawn without an unregistration day": 1,
        "without a registration day": 1,
        "without imd_band": 1,
    }
    assert answer == {
        "courses": {"created": 2, "updated": 0, "unchanged": 0},
        "modules": {"created": 3, "updated": 0, "unchanged": 0},
        "lessons": {"created": 4, "updated": 0, "unchanged": 0},
        "accounts": {"created": 5},
        "enrollments": {"created": 6, "unchanged": 0},
        "events": {"created": 10},
        "refused": [],
        "refusedCount": 0,
        "notRead": ["assessments.csv"],
    }
    async with nothing_written(database):
        second = await import_(variables, folder, "--start", "2013J=2013-10-05")
    assert (second.returncode, second.stderr) == (0, "")
    lines = second.stdout.splitlines()
    assert lines[0].startswith(
        "courses: 0 created, 0 updated, 2 unchanged; lessons: 0 created; accounts: 0 created; "
        "enrolments: 0 created, 6 unchanged; 0 refused in "
    )
    assert "  kept: withdrawn without an unregistration day: 1" in lines
    assert lines[-1].startswith("  not read: assessments.csv; assessments and what was submitted come with")


async def test_what_was_refused_is_told(variables: dict[str, str], tmp_path: Path) -> None:
    folder = university(tmp_path / "files", studentInfo=[*SMALL["studentInfo"], "AAA,2013J,16,F,x,Passed"])
    report = tmp_path / "report.csv"
    result = await import_(variables, folder, "--report", report, "--only", "AAA-2013J")
    assert result.returncode == 2
    reason = 'final_result: "Passed" is none of Pass, Distinction, Fail, Withdrawn.'
    assert f"  studentInfo, line 8: {reason}" in result.stdout.splitlines()
    with report.open(newline="", encoding="utf-8") as opened:
        assert list(csv.reader(opened)) == [["place", "reason"], ["studentInfo, line 8", reason]]


async def test_nothing_can_be_done(variables: dict[str, str], database: Database, tmp_path: Path) -> None:
    file = university(tmp_path / "files") / "courses.csv"
    async with nothing_written(database):
        result = await import_(variables, file, "--background", "--owner", "ann@school.test")
    assert (result.returncode, result.stdout) == (1, "")
    assert f"{file} is no folder." in result.stderr


async def test_it_is_asked_for(variables: dict[str, str], database: Database, tmp_path: Path) -> None:
    owner = await make_user(database, Role.ADMIN)
    folder = university(tmp_path / "files")
    result = await import_(
        variables, folder, "--background", "--owner", owner.email, "--only", "AAA-2013J", "--json"
    )
    assert (result.returncode, result.stderr) == (0, "")
    row = await row_of(database, UUID(json.loads(result.stdout)["operation"]))
    assert (row["kind"], row["owner_id"], row["state"]) == ("import_learners", owner.number, "queued")
    assert row["arguments"] == {
        "path": str(folder),
        "report": None,
        "options": {
            "starts": {
                "2013B": "2013-02-01",
                "2013J": "2013-10-01",
                "2014B": "2014-02-01",
                "2014J": "2014-10-01",
            },
            "only": ["AAA-2013J"],
            "status": "published",
            "instructor": None,
            "chunk_size": 2000,
        },
    }
    assert await run(database, "SELECT FROM courses") == []
