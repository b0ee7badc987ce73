"""`lectern import roster` as an operator runs it: a process of its own against a real database."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.database import Database
from app.resources import Resources
from app.settings import Settings
from tests.factories.catalog import Staff, make_course_of, make_staff, nothing_written, run
from tests.support.mailbox import mails

ROOT = Path(__file__).parents[3]
PROGRAM = [sys.executable, "-c", "from app.cli import main; main()", "import", "roster"]
ROSTER = """E-Mail,Course,Role,Cohort,Name
{student},bread,learner,Evening,
ann@school.test,bread,learner,,Ann
{stranger},bread,instructor,,
bob@school.test,salt,learner,,
"""
REASON = 'There is no course "salt".'
DONE = {"enrolled": 1, "invited": 1, "teaching": 1, "joined": 0, "waitlisted": 0, "unchanged": 0}


class Roster:
    """`await roster(...)` runs the command on its file."""

    def __init__(self, settings: Settings, file: Path) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LECTERN_")}
        urls = {"LECTERN_DATABASE_URL": settings.database.url, "LECTERN_REDIS_URL": settings.redis.url}
        self._environment = {**clean, **urls, "COLUMNS": "200", "NO_COLOR": "1"}
        self._file = file

    async def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            [*PROGRAM, *map(str, (self._file, *arguments))],
            env=self._environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
async def staff(database: Database) -> Staff:
    staff = await make_staff(database)
    await make_course_of(database, staff, title="Bread")
    return staff


@pytest.fixture
def roster(settings: Settings, staff: Staff, tmp_path: Path) -> Roster:
    file = tmp_path / "roster.csv"
    text = ROSTER.format(student=staff.student.email, stranger=staff.stranger.email)
    file.write_text(text, encoding="utf-8")
    return Roster(settings, file)


def told(process: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(process.stdout)
    assert answer.pop("seconds") > 0
    return answer


async def test_a_roster_is_tried_done_and_done_again(
    resources: Resources, roster: Roster, staff: Staff, tmp_path: Path
) -> None:
    database = resources.database
    refused = {"refused": [{"line": 5, "reason": REASON}], "refusedCount": 1}
    async with nothing_written(database):
        tried = await roster("--dry-run", "--json")
    assert (tried.returncode, tried.stderr) == (2, "")
    assert told(tried) == DONE | refused | {"dryRun": True}
    report = tmp_path / "refused.csv"
    done = await roster("--report", report)
    assert done.returncode == 2
    summary, reason = done.stdout.splitlines()
    assert summary.startswith(
        "1 enrolled, 0 waitlisted, 1 invited, 0 put into their cohort, 1 made instructors, 0 unchanged, 1 refused in "
    )
    assert reason == f"  line 5: {REASON}"
    assert report.read_text(encoding="utf-8") == f'line,reason\n5,"{REASON.replace(chr(34), chr(34) * 2)}"\n'
    assert await run(database, "SELECT user_id, source FROM enrollments") == [
        (staff.student.number, "roster")
    ]
    sent = {mail.to: mail.subject for mail in await mails(resources)}
    assert sent["ann@school.test"] == "You are invited to learn: Bread"
    async with nothing_written(database):
        again = await roster("--json", "--no-mail")
    assert told(again) == dict.fromkeys(DONE, 0) | {"unchanged": 3} | refused | {"dryRun": False}


async def test_what_cannot_be_done_is_one_sentence(database: Database, roster: Roster) -> None:
    async with nothing_written(database):
        process = await roster("--columns", "mail=E-Mail")
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == '"mail" is nothing a roster has; there are email, course, role, cohort, name.\n'
