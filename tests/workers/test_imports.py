"""Imports in the background, by `lectern worker` as a process of its own, asked for and followed as operators do."""

import asyncio
import csv
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.database import Database
from app.identity.models import Role
from app.identity.tokens import key_sets
from graphql_schema.node import global_id
from tests.app import pools
from tests.factories.catalog import run
from tests.factories.identity import MadeUser, make_user
from tests.factories.operations import row_of
from tests.support.api import Api
from tests.support.curricula import small
from tests.support.ports import free_port
from tests.support.programs import LECTERN, Program, lectern, running
from tests.support.universities import SMALL, university

MAPPED = ("--columns", "title=name,description=about", "--key", "id")
FOLLOW = """query ($id: ID!) { operation(id: $id) { kind state progress message result { name count }
    error { code message } } }"""


@pytest.fixture
def variables(database_url: str, redis_url: str, database: Database) -> dict[str, str]:
    return {
        "LECTERN_DATABASE_URL": database_url,
        "LECTERN_REDIS_URL": redis_url,
        "LECTERN_PUBLIC_URL": "https://learn.example",
        "LECTERN_SIGNING_KEYS": key_sets.dump(dict([key_sets.generate()])),
    }


@pytest.fixture
async def owner(database: Database) -> MadeUser:
    return await make_user(database, Role.INSTRUCTOR)


@pytest.fixture
def work(variables: dict[str, str], owner: MadeUser, tmp_path: Path) -> tuple[dict[str, str], MadeUser, Path]:
    return variables, owner, tmp_path


@asynccontextmanager
async def worker(variables: dict[str, str], folder: Path) -> AsyncIterator[Program]:
    with running([*LECTERN, "worker"], folder, **variables, LECTERN_WORKER_PORT=str(free_port())) as program:
        await asyncio.to_thread(program.wait_for, lambda: "the worker runs" in program.output, "worker")
        yield program


async def ask(
    variables: dict[str, str], what: str, file: Path, owner: MadeUser, *options: str | Path
) -> UUID:
    arguments = (
        "import",
        what,
        str(file),
        "--background",
        "--owner",
        owner.email,
        "--json",
        *map(str, options),
    )
    result = await asyncio.to_thread(lectern, *arguments, **variables)
    assert (result.returncode, result.stderr) == (0, "")
    return UUID(json.loads(result.stdout)["operation"])


async def watched(variables: dict[str, str], operation_id: UUID) -> tuple[int, dict[str, Any]]:
    """Exit code and last state, as `lectern operations watch` tells them at the end."""
    result = await asyncio.to_thread(lectern, "operations", "watch", str(operation_id), "--json", **variables)
    return result.returncode, json.loads(result.stdout)


async def ended(database: Database, operation_id: UUID) -> str:
    """The state in which it ends."""
    for _ in range(2_000):
        row = await row_of(database, operation_id)
        if row["finished_at"] is not None:
            return str(row["state"])
        await asyncio.sleep(0.05)
    raise AssertionError(row)


async def follow(api: Api, operation_id: UUID, viewer: MadeUser) -> dict[str, Any]:
    data = await api(FOLLOW, viewer.actor, id=global_id("Operation", operation_id))
    found: dict[str, Any] = data["operation"]
    found["result"] = {figure["name"]: figure["count"] for figure in found["result"] or ()}
    return found


def write(file: Path, first: int, last: int) -> bytes:
    with file.open("w", newline="", encoding="utf-8") as opened:
        rows = ([number, f"Title {number}", f"About *{number}*."] for number in range(first, last + 1))
        csv.writer(opened).writerows([["id", "name", "about"], *rows])
    return file.read_bytes()


async def courses(database: Database) -> int:
    return int((await run(database, "SELECT count(*) AS many FROM courses"))[0]["many"])


async def test_a_catalogue(
    api: Api, database: Database, variables: dict[str, str], owner: MadeUser, tmp_path: Path
) -> None:
    file, report = tmp_path / "courses.csv", tmp_path / "report.csv"
    file.write_bytes(write(file, 1, 2500) + b"2501,,No title.\n")
    operation_id = await ask(variables, "catalog", file, owner, *MAPPED, "--report", report)
    assert (await follow(api, operation_id, owner))["state"] == "QUEUED"
    async with worker(variables, tmp_path):
        code, row = await watched(variables, operation_id)
    assert (code, row["state"], row["progress"]) == (0, "succeeded", 1.0)
    assert await follow(api, operation_id, owner) == {
        "kind": "IMPORT_CATALOG",
        "state": "SUCCEEDED",
        "progress": 1.0,
        "message": "Courses: 2,500 created, 0 updated, 0 unchanged; 1 refused, the first: line 2502: The title is missing.",
        "result": {"created": 2500, "updated": 0, "unchanged": 0, "refused": 1},
        "error": None,
    }
    assert await courses(database) == 2500
    assert report.read_text() == "line,reason\n2502,The title is missing.\n"


async def test_a_curriculum(
    api: Api, database: Database, variables: dict[str, str], owner: MadeUser, tmp_path: Path
) -> None:
    operation_id = await ask(
        variables, "curriculum", small(tmp_path / "tree.tgz"), owner, "--instructor", owner.email
    )
    async with worker(variables, tmp_path):
        assert await ended(database, operation_id) == "succeeded"
    found = await follow(api, operation_id, owner)
    assert (found["kind"], found["state"], found["progress"]) == ("IMPORT_CURRICULUM", "SUCCEEDED", 1.0)
    assert found["result"] | {"refused": 0} == found["result"]
    assert [found["result"][name] for name in ("coursesCreated", "modulesCreated", "lessonsCreated")] == [
        3,
        6,
        18,
    ]
    led = await run(database, "SELECT count(*) AS many FROM courses WHERE instructor_id = $1", owner.number)
    assert led[0]["many"] == 3


async def test_learners(
    api: Api, database: Database, variables: dict[str, str], owner: MadeUser, tmp_path: Path
) -> None:
    info = [*SMALL["studentInfo"], "AAA,2013J,16,F,x,Passed"]
    folder = university(tmp_path / "files", studentInfo=info)
    operation_id = await ask(variables, "learners", folder, owner, "--instructor", owner.email)
    async with worker(variables, tmp_path):
        assert await ended(database, operation_id) == "succeeded"
    found = await follow(api, operation_id, owner)
    assert (found["kind"], found["state"], found["progress"]) == ("IMPORT_LEARNERS", "SUCCEEDED", 1.0)
    assert found["message"].startswith(
        "Enrolments: 6 written, 0 unchanged; 1 refused, the first: place studentInfo, line 8: final_result:"
    )
    expected = {
        "enrolled": 6,
        "refused": 1,
        "accountsCreated": 5,
        "events": 10,
        "coursesCreated": 2,
        "lessonsCreated": 4,
        "odd: withdrawn without an unregistration day": 1,
    }
    assert found["result"] | expected == found["result"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "courses.csv cannot be read: No such file or directory."),
        (
            ("--report", "/no/such/folder/report.csv"),
            "The report /no/such/folder/report.csv cannot be written",
        ),
    ],
)
async def test_a_file_that_the_worker_cannot_use(
    api: Api, work: tuple[dict[str, str], MadeUser, Path], options: tuple[str, ...], sentence: str
) -> None:
    variables, owner, folder = work
    operation_id = await ask(variables, "catalog", folder / "courses.csv", owner, *MAPPED, *options)
    async with worker(variables, folder):
        code, row = await watched(variables, operation_id)
    assert (code, row["state"]) == (1, "failed")
    error = (await follow(api, operation_id, owner))["error"]
    assert (error["code"], sentence in error["message"]) == ("REFUSED", True)
    assert await courses(api.resources.database) == 0


@pytest.mark.parametrize("what", ["courses.csv", "report.csv"])
async def test_a_pipe_keeps_no_worker_waiting(
    api: Api, work: tuple[dict[str, str], MadeUser, Path], what: str
) -> None:
    variables, owner, folder = work
    write(folder / "courses.csv", 1, 10)
    asked = await ask(
        variables, "catalog", folder / "courses.csv", owner, *MAPPED, "--report", folder / "report.csv"
    )
    # Put there after the command line had looked.
    (folder / what).unlink(missing_ok=True)
    os.mkfifo(folder / what)
    async with worker(variables, folder):
        assert await ended(api.resources.database, asked) == "failed"
    error = (await follow(api, asked, owner))["error"]
    assert (error["code"], "no file" in error["message"]) == ("REFUSED", True)
    assert await courses(api.resources.database) == 0


@asynccontextmanager
async def begun(
    database: Database, variables: dict[str, str], owner: MadeUser, folder: Path
) -> AsyncIterator[tuple[UUID, Program, asyncpg.transaction.Transaction]]:
    """An import of 2,500 rows held after its first chunk of 1,000, by somebody who is about to take the slug that the
    second needs: the operation, its worker, and what holds it.
    """
    file = folder / "courses.csv"
    write(file, 1, 2500)
    other = await asyncpg.connect(variables["LECTERN_DATABASE_URL"])
    holding = other.transaction()
    try:
        await holding.start()
        await other.execute(
            "INSERT INTO courses (slug, title, instructor_id) VALUES ('title-1001', '', $1)", owner.number
        )
        operation_id = await ask(variables, "catalog", file, owner, *MAPPED)
        async with worker(variables, folder) as program:

            async def stored() -> bool:
                row = await row_of(database, operation_id)
                return await courses(database) == 1000 and "1,000 created" in (row["message"] or "")

            await pools.until(stored)
            yield operation_id, program, holding
    finally:
        await other.close()


async def signs_of_life(database: Database, number: int) -> None:
    """Waits for so many of the worker's."""
    lease = "SELECT due_at FROM jobs WHERE name = 'run_operation'"
    for _ in range(number):
        (before,) = await run(database, lease)

        async def renewed(before: Any = before) -> bool:
            return bool((await run(database, lease))[0]["due_at"] > before["due_at"])

        await pools.until(renewed)


async def test_a_killed_worker_s_import_is_finished_by_another(
    api: Api, database: Database, variables: dict[str, str], owner: MadeUser, tmp_path: Path
) -> None:
    async with begun(database, variables, owner, tmp_path) as (operation_id, program, _):
        program.send(signal.SIGKILL)
        await asyncio.to_thread(program.end)
    row = await row_of(database, operation_id)
    assert (row["state"], row["finished_at"]) == ("running", None)
    # Half a minute goes by.
    await run(database, "UPDATE jobs SET due_at = now() WHERE name = 'run_operation'")
    async with worker(variables, tmp_path):
        assert await ended(database, operation_id) == "succeeded"
    found = await follow(api, operation_id, owner)
    assert found["state"] == "SUCCEEDED"
    assert found["result"] == {"created": 1500, "updated": 0, "unchanged": 1000, "refused": 0}
    assert await courses(database) == 2500
    after = await row_of(database, operation_id)
    assert after["started_at"] == row["started_at"]
    assert await run(database, "SELECT 1 FROM jobs WHERE name = 'run_operation'") == []


async def test_a_running_import_is_cancelled_and_keeps_what_is_in(
    api: Api, database: Database, variables: dict[str, str], owner: MadeUser, tmp_path: Path
) -> None:
    async with begun(database, variables, owner, tmp_path) as (operation_id, _, holding):
        payload = await api.change(
            "cancelOperation",
            owner.actor,
            "operation { state }",
            operationId=global_id("Operation", operation_id),
        )
        assert payload["operation"] == {"state": "RUNNING"}
        await signs_of_life(database, 2)
        # Its worker has heard of it, and stops at the end of the chunk that it was about to store.
        await holding.rollback()
        code, row = await watched(variables, operation_id)
    assert (code, row["state"]) == (3, "cancelled")
    found = await follow(api, operation_id, owner)
    assert found["result"]["created"] == await courses(database) == 2000
    assert found["message"].startswith("Cancelled; what was done until then stays. Courses: 2,000 created")


async def test_a_stopping_worker_hands_the_import_over(
    api: Api, database: Database, variables: dict[str, str], owner: MadeUser, tmp_path: Path
) -> None:
    impatient = variables | {"LECTERN_WORKER_SHUTDOWN_GRACE": "0.2"}

    async def handed_back() -> bool:
        (job,) = await run(database, "SELECT due_at <= now() AS due FROM jobs WHERE name = 'run_operation'")
        return bool(job["due"])

    async with begun(database, impatient, owner, tmp_path) as (operation_id, program, _):
        program.send(signal.SIGTERM)
        await asyncio.to_thread(program.wait_for, lambda: "the worker ends" in program.output, "end")
        await pools.until(handed_back)
    assert (await row_of(database, operation_id))["state"] == "running"
    async with worker(variables, tmp_path):
        assert await ended(database, operation_id) == "succeeded"
    assert (await follow(api, operation_id, owner))["state"] == "SUCCEEDED"
    assert await courses(database) == 2500


async def test_two_of_the_same_file_at_once(
    api: Api, database: Database, variables: dict[str, str], owner: MadeUser, tmp_path: Path
) -> None:
    file = tmp_path / "courses.csv"
    write(file, 1, 3000)
    both = [await ask(variables, "catalog", file, owner, *MAPPED) for _ in range(2)]
    async with worker(variables, tmp_path), worker(variables, tmp_path):
        assert [await ended(database, operation_id) for operation_id in both] == ["succeeded"] * 2
    results = [(await follow(api, operation_id, owner))["result"] for operation_id in both]
    assert sum(result["created"] for result in results) == 3000
    assert sum(result["unchanged"] for result in results) == 3000
    assert await courses(database) == 3000
