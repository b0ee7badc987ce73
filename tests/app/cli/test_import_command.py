"""`lectern import catalog` as an operator runs it: a process of its own against a real database."""

import asyncio
import csv
import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.database import Database
from app.settings import Settings
from tests.support.commands import run_command
from tests.support.programs import PATIENCE

ROOT = Path(__file__).parents[3]
PROGRAM = [sys.executable, "-c", "from app.cli import main; main()", "import", "catalog"]
MAPPED = ("--columns", "title=name,description=about", "--key", "id")
STATE = """
SELECT slug, courses.title, courses.source_key, attributes, source_hash, courses.version, lessons.body_html, lesson_count
FROM courses JOIN lessons ON lessons.course_id = courses.id JOIN course_stats ON course_stats.course_id = courses.id
ORDER BY slug"""


class Import:
    def __init__(self, url: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LECTERN_")}
        self.environment = {**clean, "COLUMNS": "200", "NO_COLOR": "1", "LECTERN_DATABASE_URL": url}

    async def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            run_command, ["import", "catalog", *map(str, arguments)], self.environment, patience=PATIENCE
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


def courses(count: int) -> Iterator[list[object]]:
    # Few titles, so that slugs need an end that must be the same in every run.
    return ([number, f"Title {number % 100}", f"About *{number}*.", number] for number in range(count))


def write(file: Path, lines: Iterator[list[object]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([["id", "name", "about", "price"], *lines])
    return file


async def test_all_in_then_nothing_to_do(import_: Import, tmp_path: Path) -> None:
    file = write(tmp_path / "courses.csv", courses(1200))

    first = await import_(file, *MAPPED, "--json")
    assert (first.returncode, first.stderr) == (0, "")
    answer = json.loads(first.stdout)
    assert answer.pop("seconds") > 0
    assert answer == {"created": 1200, "updated": 0, "unchanged": 0, "refused": [], "refusedCount": 0}

    second = await import_(file, *MAPPED)
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.startswith("0 created, 0 updated, 1,200 unchanged, 0 refused in ")


async def test_refused_rows_are_shown_reported_and_told_by_the_exit_code(
    import_: Import, database: Database, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "courses.csv",
        ([number, "" if number % 2 else "Fine", "About.", 0] for number in range(60)),
    )
    report = tmp_path / "report.csv"

    finished = await import_(file, *MAPPED, "--report", report)
    assert finished.returncode == 2
    shown = finished.stdout.splitlines()
    assert shown[0].startswith("30 created, 0 updated, 0 unchanged, 30 refused in ")
    assert shown[1] == "  line 3: The title is missing."
    assert len(shown) == 22
    assert shown[-1] == f"  and 10 more, all in {report}"
    with report.open(newline="", encoding="utf-8") as opened:
        listed = list(csv.reader(opened))
    assert listed == [["line", "reason"], *([str(line), "The title is missing."] for line in range(3, 63, 2))]
    assert len(await rows(database, STATE)) == 30

    as_json = await import_(file, *MAPPED, "--json")
    assert as_json.returncode == 2
    answer = json.loads(as_json.stdout)
    assert (answer["unchanged"], answer["refusedCount"]) == (30, 30)
    assert answer["refused"][0] == {"line": 3, "reason": "The title is missing."}


async def test_gzip_semicolons_tabs_and_encodings(
    import_: Import, database: Database, tmp_path: Path
) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress("id;name;about\n1;Größe;Text.\n".encode("latin-1")))
    assert (await import_(packed, *MAPPED, "--delimiter", ";", "--encoding", "latin-1")).returncode == 0
    tabs = tmp_path / "tabs.tsv"
    tabs.write_text("id\tname\tabout\n2\tZwei\tText.\n")
    assert (await import_(tabs, *MAPPED, "--delimiter", "tab", "--status", "draft")).returncode == 0
    found = await rows(database, "SELECT title, status FROM courses ORDER BY id")
    assert found == [{"title": "Größe", "status": "published"}, {"title": "Zwei", "status": "draft"}]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("missing.csv", *MAPPED), "missing.csv cannot be read: No such file or directory."),
        (("f.csv", "--columns", "title=nome", "--key", "id"), 'The file has no column "nome" for title'),
        (("f.csv", "--columns", "colour=name", "--key", "id"), '"colour" is nothing a course has'),
        (
            ("f.csv", *MAPPED, "--instructor", "nobody@example.org"),
            "There is no account with the e-mail address",
        ),
        (("f.csv", *MAPPED, "--status", "archived"), "A status is published or draft."),
        (("f.csv", *MAPPED, "--report", "no/folder.csv"), "The report "),
        (("f.csv", *MAPPED, "--report", "f.csv"), "The report would overwrite the file that is imported."),
    ],
)
async def test_when_nothing_can_be_done(
    import_: Import, database: Database, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    file = write(tmp_path / "f.csv", courses(1))
    content = file.read_bytes()
    paths = [tmp_path / argument if argument.endswith(".csv") else argument for argument in arguments]

    finished = await import_(*paths)

    assert finished.returncode == 1
    assert sentence in finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.stdout == ""
    assert file.read_bytes() == content
    assert await rows(database, "SELECT id FROM courses UNION ALL SELECT id FROM users") == []


async def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    finished = await Import("postgresql://nobody@127.0.0.1:1/none")(
        write(tmp_path / "f.csv", courses(1)), *MAPPED
    )
    assert finished.returncode == 1
    assert "The database cannot be reached." in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_an_import_that_is_ended_between_chunks_is_finished_by_running_it_again(
    import_: Import, database: Database, tmp_path: Path, how: signal.Signals
) -> None:
    file = write(tmp_path / "f.csv", courses(2500))
    await import_(file, *MAPPED)
    expected = await rows(database, STATE)
    async with database.transaction() as tx:
        for table in ("lessons", "modules", "course_stats", "course_instructors", "courses"):
            await tx.fetch_text(f"DELETE FROM {table}")
    # A pipe that gives one and a half chunks and then waits holds the import at a known place.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = import_.start(pipe, *MAPPED)
    writing = await asyncio.to_thread(os.open, pipe, os.O_WRONLY)
    try:
        half = b"".join(file.read_bytes().splitlines(keepends=True)[:1501])
        await asyncio.to_thread(os.write, writing, half)
        await _until(database, 1000)
        process.send_signal(how)
        if how is signal.SIGINT:
            # The thread that reads the pipe is let go by the writer's end; files never make it wait.
            os.close(writing)
            writing = -1
        _, errors = await asyncio.to_thread(process.communicate, timeout=30)
    finally:
        if writing >= 0:
            os.close(writing)
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert errors == (
            "Interrupted. Until then: 1,000 created, 0 updated, 0 unchanged, 0 refused. "
            "Run the same command again to go on.\n"
        )
    assert len(await rows(database, "SELECT id FROM courses")) == 1000

    again = json.loads((await import_(file, *MAPPED, "--json")).stdout)

    assert (again["created"], again["updated"], again["unchanged"]) == (1500, 0, 1000)
    assert await rows(database, STATE) == expected


async def test_two_processes_at_once(import_: Import, database: Database, tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", courses(3000))
    both = await asyncio.gather(*(import_(file, *MAPPED, "--json") for _ in range(2)))
    assert [finished.returncode for finished in both] == [0, 0]
    answers = [json.loads(finished.stdout) for finished in both]
    assert sum(answer["created"] for answer in answers) == 3000
    assert sum(answer["unchanged"] for answer in answers) == 3000
    assert await rows(database, "SELECT count(*) AS many, count(DISTINCT slug) AS slugs FROM courses") == [
        {"many": 3000, "slugs": 3000}
    ]


async def test_a_terminal_gets_a_progress_bar(import_: Import, tmp_path: Path) -> None:
    file = write(tmp_path / "courses.csv", courses(50))
    ours, theirs = pty.openpty()
    process = import_.start(file, *MAPPED, stderr=theirs)
    os.close(theirs)
    seen = await asyncio.to_thread(_everything, ours)
    out, _ = await asyncio.to_thread(process.communicate, timeout=30)
    assert process.returncode == 0
    assert "courses.csv" in seen
    assert "kB" in seen
    assert out.startswith("50 created")


async def test_help_says_what_an_operator_must_know(import_: Import) -> None:
    text = " ".join((await import_("--help")).stdout.replace("│", " ").split())
    for piece in ("rating_count", "level other than", "Exit codes: 0", "--report"):
        assert piece in text


async def _until(database: Database, many: int) -> None:
    deadline = time.monotonic() + 30
    while len(await rows(database, "SELECT id FROM courses")) < many:
        assert time.monotonic() < deadline, "the first chunk did not arrive"
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
