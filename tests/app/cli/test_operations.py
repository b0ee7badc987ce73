"""`lectern operations` as operators use it."""

import asyncio
import json
import os
import pty
import subprocess
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from app.database import Database
from app.operations import service
from app.resources import Resources
from tests.factories.catalog import nothing_written, run
from tests.factories.identity import MadeUser, make_user
from tests.factories.operations import begin, make_operations, row_of, started
from tests.support.programs import LECTERN, environment
from tests.support.programs import lectern as command

NOBODYS = "01a2079d-5265-7795-b2ae-18181ee2890d"


@pytest.fixture
def variables(database_url: str, redis_url: str, database: Database) -> dict[str, str]:
    return {"LECTERN_DATABASE_URL": database_url, "LECTERN_REDIS_URL": redis_url}


@pytest.fixture
async def owner(database: Database) -> MadeUser:
    return await make_user(database)


async def lectern(variables: dict[str, str], *arguments: str) -> Any:
    return await asyncio.to_thread(command, "operations", *arguments, **variables)


async def listed(variables: dict[str, str], *arguments: str) -> list[UUID]:
    result = await lectern(variables, "list", "--json", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    return [UUID(row["id"]) for row in json.loads(result.stdout)]


async def test_nothing_is_said_where_nothing_is(variables: dict[str, str]) -> None:
    assert (await lectern(variables, "list")).stdout == "There are none.\n"
    assert await listed(variables) == []


async def test_which_are_listed(variables: dict[str, str], database: Database, owner: MadeUser) -> None:
    other = await make_user(database)
    (ended,) = await make_operations(database, owner.number, state="succeeded")
    (waiting,) = await make_operations(database, owner.number)
    (strange,) = await make_operations(database, other.number)
    assert await listed(variables) == sorted([ended, waiting, strange], reverse=True)
    assert await listed(variables, "--owner", owner.email) == sorted([ended, waiting], reverse=True)
    assert set(await listed(variables, "--open")) == {waiting, strange}
    assert await listed(variables, "--open", "--owner", owner.email.upper()) == [waiting]
    assert len(await listed(variables, "--limit", "2")) == 2
    shown = (await lectern(variables, "list", "--owner", other.email)).stdout
    assert shown.startswith(f"{strange}  import_catalog  ")
    assert shown.endswith(" UTC  queued\n")


async def test_one_is_shown(variables: dict[str, str], resources: Resources, owner: MadeUser) -> None:
    operation_id = await begin(resources, owner.number, path="/secret")
    await started(resources, operation_id)
    async with resources.database.transaction() as tx:
        await service.record_progress(tx, operation_id, progress=0.5, message="Half of it.")
    assert (await lectern(variables, "show", str(operation_id))).stdout.endswith("running 50%  Half of it.\n")
    shown = (await lectern(variables, "show", str(operation_id), "--json")).stdout
    assert json.loads(shown)["progress"] == 0.5
    assert "/secret" not in shown


@pytest.mark.parametrize("running", [False, True])
async def test_one_is_cancelled(
    variables: dict[str, str], resources: Resources, owner: MadeUser, running: bool
) -> None:
    operation_id = await begin(resources, owner.number)
    if running:
        await started(resources, operation_id)
    result = await lectern(variables, "cancel", str(operation_id))
    assert result.returncode == 0
    assert ("is being cancelled" in result.stdout) == running
    row = await row_of(resources.database, operation_id)
    assert (row["state"], row["cancel_requested_at"] is None) == (
        "running" if running else "cancelled",
        False,
    )
    (entry,) = await run(resources.database, "SELECT action, actor_id, subject, device FROM audit_log")
    assert tuple(entry) == ("cancelOperation", None, f"Operation:{operation_id}", "lectern operations")


@pytest.mark.parametrize("verb", ["show", "cancel", "watch"])
async def test_an_unknown_id_is_refused(variables: dict[str, str], verb: str) -> None:
    result = await lectern(variables, verb, NOBODYS)
    assert (result.returncode, result.stdout) == (1, "")
    assert "There is no" in result.stderr
    assert "Traceback" not in result.stderr


async def test_an_unknown_owner_is_refused(variables: dict[str, str]) -> None:
    result = await lectern(variables, "list", "--owner", "nobody@example.org")
    assert (result.returncode, result.stderr) == (
        1,
        "There is no account with the e-mail address nobody@example.org.\n",
    )


async def test_what_has_ended_is_not_cancelled(
    variables: dict[str, str], database: Database, owner: MadeUser
) -> None:
    (operation_id,) = await make_operations(database, owner.number, state="failed")
    async with nothing_written(database):
        result = await lectern(variables, "cancel", str(operation_id))
    assert (result.returncode, result.stderr) == (1, "The operation has ended already.\n")


@pytest.mark.parametrize(("state", "code"), [("succeeded", 0), ("failed", 1), ("cancelled", 3)])
async def test_the_exit_code_tells_the_end(
    variables: dict[str, str], database: Database, owner: MadeUser, state: str, code: int
) -> None:
    (operation_id,) = await make_operations(database, owner.number, state=state)
    result = await lectern(variables, "watch", str(operation_id))
    assert (result.returncode, result.stderr) == (code, "")
    assert f"  {state}" in result.stdout


async def test_a_terminal_gets_a_bar_until_the_end(
    variables: dict[str, str], resources: Resources, owner: MadeUser
) -> None:
    operation_id = await begin(resources, owner.number)
    await started(resources, operation_id)
    async with resources.database.transaction() as tx:
        await service.record_progress(tx, operation_id, progress=0.5, message="[half] of it.")
    process, ours = _watching(variables, operation_id)
    await asyncio.to_thread(_read_until, ours, lambda text: "[half] of it." in text and "50%" in text)
    async with resources.database.transaction() as tx:
        await service.succeed(tx, operation_id, message="All of it.", figures={})
    await asyncio.to_thread(_read_until, ours, lambda _text: False)
    out, _ = await asyncio.to_thread(process.communicate, timeout=30)
    os.close(ours)
    assert process.returncode == 0
    assert out.endswith("succeeded  All of it.\n")


def _watching(variables: dict[str, str], operation_id: UUID) -> tuple["subprocess.Popen[str]", int]:
    """`watch` before a terminal, and the other end of that."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*LECTERN, "operations", "watch", str(operation_id)],
        env=environment(**variables, COLUMNS="200", NO_COLOR="1", TERM="xterm"),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    return process, ours


def _read_until(descriptor: int, found: Callable[[str], bool]) -> None:
    """Until it says so, or ends."""
    seen = b""
    while not found(seen.decode(errors="replace")):
        try:
            piece = os.read(descriptor, 65_536)
        except OSError:  # Linux tells the end of a terminal so
            return
        if not piece:
            return
        seen += piece
