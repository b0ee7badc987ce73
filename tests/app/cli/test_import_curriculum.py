"""`lectern import curriculum` as an operator runs it: a process of its own against a real database."""

import asyncio
import csv
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.database import Database
from app.settings import Settings
from tests.support.commands import run_command
from tests.support.curricula import block, challenge, curriculum, entry, small
from tests.support.programs import PATIENCE

ROOT = Path(__file__).parents[3]
PROGRAM = [sys.executable, "-c", "from app.cli import main; main()", "import", "curriculum"]
TREE = """
SELECT c.slug, c.source_key, c.version, c.source_hash, m.position AS m, m.title AS module, l.position AS l, l.title,
    l.body_html, s.lesson_count
FROM courses c JOIN course_stats s ON s.course_id = c.id JOIN modules m ON m.course_id = c.id
JOIN lessons l ON l.module_id = m.id ORDER BY c.slug, m.position, l.position"""


class Import:
    def __init__(self, url: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LECTERN_")}
        self.environment = {**clean, "COLUMNS": "200", "NO_COLOR": "1", "LECTERN_DATABASE_URL": url}

    async def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            run_command, ["import", "curriculum", *map(str, arguments)], self.environment, patience=PATIENCE
        )

    def start(self, *arguments: str | Path, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )


@pytest.fixture
def import_(database: Database, settings: Settings) -> Import:
    return Import(settings.database.url)


async def rows(database: Database, statement: str) -> list[dict[str, Any]]:
    async with database.transaction() as tx:
        return [dict(row) for row in await tx.fetch_text(statement)]


async def test_all_in_then_nothing_to_do(import_: Import, tmp_path: Path) -> None:
    file = small(tmp_path / "a.tgz")

    first = await import_(file, "--json")
    assert (first.returncode, first.stderr) == (0, "")
    answer = json.loads(first.stdout)
    assert answer.pop("seconds") > 0
    assert answer == {
        "courses": {"created": 3, "updated": 0, "unchanged": 0},
        "modules": {"created": 6, "updated": 0, "unchanged": 0},
        "lessons": {"created": 18, "updated": 0, "unchanged": 0},
        "refused": [],
        "refusedCount": 0,
        "unused": [],
    }
    second = await import_(file)
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.startswith(
        "courses: 0 created, 0 updated, 3 unchanged; modules: 0 created, 0 updated, 6 unchanged; "
        "lessons: 0 created, 0 updated, 18 unchanged; 0 refused in "
    )


async def test_what_could_not_be_used_is_told_in_every_way(import_: Import, tmp_path: Path) -> None:
    lessons = [
        challenge(1, "<big>x</big>", tests=[1], hints=["h"]),
        challenge(2, "x", tests=[2]),
        {"id": "3"},
    ]
    file = curriculum(tmp_path / "a.tgz", {"01-x/a": block("A", 1, lessons)})
    report = tmp_path / "report.csv"
    told = ["challenge field tests", "challenge field hints", "removed from bodies: element big"]

    shown = await import_(file, "--report", report)
    assert shown.returncode == 2
    assert shown.stdout.splitlines()[1:] == [
        "  01-x/a.json, challenge 3: title: There is none.",
        *(f"  not used: {what}: {count}" for what, count in zip(told, (2, 1, 1), strict=True)),
    ]
    with report.open(newline="", encoding="utf-8") as opened:
        assert list(csv.reader(opened)) == [
            ["place", "reason"],
            ["01-x/a.json, challenge 3", "title: There is none."],
        ]
    as_json = await import_(file, "--json")
    assert as_json.returncode == 2
    answer = json.loads(as_json.stdout)
    assert answer["refused"] == [{"place": "01-x/a.json, challenge 3", "reason": "title: There is none."}]
    assert answer["refusedCount"] == 1
    assert answer["unused"] == [
        {"what": what, "count": count} for what, count in zip(told, (2, 1, 1), strict=True)
    ]


async def test_when_nothing_can_be_done(import_: Import, database: Database, tmp_path: Path) -> None:
    trap = curriculum(
        tmp_path / "trap.tgz", {"01-x/a": block("A", 1, [challenge(1, "x")])}, entry("../../up", b"x")
    )
    fine = small(tmp_path / "fine.tgz")
    for arguments, sentence in (
        ((trap,), 'The archive names a file outside of itself: "../../up".'),
        ((tmp_path / "none.tgz",), "cannot be read: No such file or directory."),
        ((Path(__file__),), "is no tar archive, or damaged or cut off"),
        ((fine, "--status", "archived"), "A status is published or draft."),
        ((fine, "--instructor", "nobody@example.org"), "There is no account with the e-mail address"),
        ((fine, "--report", fine), "The report would overwrite the file that is imported."),
    ):
        finished = await import_(*arguments)
        assert finished.returncode == 1, finished
        assert sentence in finished.stderr
        assert "Traceback" not in finished.stderr
        assert finished.stdout == ""
    assert await rows(database, "SELECT id FROM courses UNION ALL SELECT id FROM users") == []
    assert not (tmp_path.parent / "up").exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_an_import_that_is_ended_in_the_middle_of_a_course_is_finished_by_running_it_again(
    import_: Import, database: Database, settings: Settings, tmp_path: Path, how: signal.Signals
) -> None:
    file = small(tmp_path / "a.tgz", tracks=4)
    await import_(file)
    expected = await rows(database, TREE)
    async with database.transaction() as tx:
        for table in ("lessons", "modules", "course_stats", "course_instructors", "courses"):
            await tx.fetch_text(f"DELETE FROM {table}")
        (user,) = await tx.fetch_text("SELECT id FROM users")
    # Somebody who has not yet decided about the third course's slug holds the import inside of its transaction.
    other = await asyncpg.connect(settings.database.url)
    try:
        undecided = other.transaction()
        await undecided.start()
        await other.execute(
            "INSERT INTO courses (slug, title, status, instructor_id) VALUES ('track-3', 'T', 'draft', $1)",
            user["id"],
        )
        process = import_.start(file)
        await _until_it_waits(database)
        process.send_signal(how)
        _, errors = await asyncio.to_thread(process.communicate, timeout=30)
        await undecided.rollback()
    finally:
        await other.close()
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert errors.startswith("Interrupted. Until then: courses: 2 created")
    else:
        assert process.returncode == -signal.SIGKILL
    assert [row["slug"] for row in await rows(database, "SELECT slug FROM courses ORDER BY slug")] == [
        "track-1",
        "track-2",
    ]

    again = json.loads((await import_(file, "--json")).stdout)

    assert again["courses"] == {"created": 2, "updated": 0, "unchanged": 2}
    assert await rows(database, TREE) == expected


async def test_two_processes_at_once(import_: Import, database: Database, tmp_path: Path) -> None:
    file = small(tmp_path / "a.tgz", tracks=6)
    both = await asyncio.gather(*(import_(file, "--json") for _ in range(2)))
    assert [finished.returncode for finished in both] == [0, 0]
    answers = [json.loads(finished.stdout)["lessons"] for finished in both]
    assert sum(answer["created"] for answer in answers) == 36
    assert sum(answer["unchanged"] for answer in answers) == 36
    assert len(await rows(database, TREE)) == 36


async def test_a_terminal_gets_a_progress_bar(import_: Import, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = import_.start(small(tmp_path / "a.tgz"), stderr=theirs)
    os.close(theirs)
    seen = await asyncio.to_thread(_everything, ours)
    out, _ = await asyncio.to_thread(process.communicate, timeout=30)
    assert process.returncode == 0
    assert "a.tgz" in seen
    assert "3/3" in seen
    assert out.startswith("courses: 3 created")


async def _until_it_waits(database: Database) -> None:
    deadline = time.monotonic() + 30
    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    while not await rows(database, waiting):
        assert time.monotonic() < deadline, "the import never came to the third course"
        await asyncio.sleep(0.05)


def _everything(terminal: int) -> str:
    pieces = []
    try:
        while piece := os.read(terminal, 65_536):
            pieces.append(piece)
    except OSError:  # how a terminal says that nobody writes any more
        pass
    os.close(terminal)
    return b"".join(pieces).decode()
