"""The commands of docs/operations.md, tried as they stand there: a backup is worth what its restore is worth."""

import asyncio
import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.cli import migrate
from app.database import Database
from app.embedded.postgres import postgres_program
from app.identity.service import sign_in
from app.identity.throttling.throttle import Throttle
from app.settings import AuthenticationSettings, DatabaseSettings
from app.telemetry import Metrics
from tests.architecture.source_tree import ROOT
from tests.architecture.test_migrations import fingerprint
from tests.conftest import make_database
from tests.factories.catalog import everything, make_course_of, make_staff, run
from tests.factories.identity import PASSWORD, make_user

DOCUMENT = (ROOT / "docs/operations.md").read_text()


def block(name: str) -> str:
    (text,) = re.findall(rf"^```sh {name}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    return str(text)


async def shell(commands: str, folder: Path, url: str) -> "subprocess.CompletedProcess[str]":
    """Runs a block as an operator does: in a shell, the server named by PostgreSQL's own variables."""
    address = urlsplit(url)
    variables = {
        "PATH": f"{Path(postgres_program('pg_dump')).parent}:{os.environ['PATH']}",
        "PGHOST": str(address.hostname),
        "PGPORT": str(address.port),
        "PGUSER": str(address.username),
        "PGPASSWORD": str(address.password),
        "PGDATABASE": address.path[1:],
    }
    return await asyncio.to_thread(
        subprocess.run,
        ["sh", "-ec", commands],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
async def restored_url(postgres_server: str, request: pytest.FixtureRequest) -> str:
    """Where the restored database will be; a name of this worker's own, in place of the document's."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    url = await make_database(postgres_server, f"lectern_restored_{worker}")
    connection = await asyncpg.connect(postgres_server)
    try:
        await connection.execute(f'DROP DATABASE "lectern_restored_{worker}"')
    finally:
        await connection.close()
    return url


def into(url: str) -> str:
    return block("restore").replace("lectern_restored", urlsplit(url).path[1:])


async def test_a_restored_backup_is_the_same_and_goes_on(
    database: Database, database_url: str, restored_url: str, tmp_path: Path
) -> None:
    await make_course_of(database, await make_staff(database))
    await make_user(database, email="ann@school.test", password=PASSWORD)
    before = await everything(database)
    assert all(before[table] for table in ("users", "courses", "modules", "lessons"))

    saved = await shell(block("backup"), tmp_path, database_url)
    assert (saved.returncode, saved.stderr) == (0, "")
    assert "TABLE DATA public lessons" in (tmp_path / "lectern.contents").read_text()
    assert not (tmp_path / "lectern.dump.part").exists()
    back = await shell(into(restored_url), tmp_path, database_url)
    assert (back.returncode, back.stderr) == (0, "")

    assert await fingerprint(restored_url) == await fingerprint(database_url)
    assert await asyncio.to_thread(migrate.upgrade, restored_url) == migrate.newest_revision()
    restored = Database(DatabaseSettings(url=restored_url, pool_size=1), Metrics())
    await restored.open()
    try:
        assert await everything(restored) == before
        assert await sign_in.login(
            restored,
            Metrics(),
            Throttle(AuthenticationSettings(), Metrics()),
            email="ann@school.test",
            password=PASSWORD,
        )
        # Numbers go on where they were: nobody inherits the id of somebody else.
        assert (await make_user(restored)).number > max(int(row[0]) for row in before["users"])
        (planned,) = await run(restored, "SELECT reltuples FROM pg_class WHERE oid = 'users'::regclass")
        assert planned["reltuples"] == len(before["users"])
    finally:
        await restored.close()


async def test_a_damaged_dump_does_not_pass_for_a_backup(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "lectern.dump").write_text("yesterday's")
    commands = block("backup").splitlines()
    commands.insert(1, "truncate -s 100 lectern.dump.part")
    saved = await shell("\n".join(commands), tmp_path, database_url)
    assert saved.returncode != 0
    assert (tmp_path / "lectern.dump").read_text() == "yesterday's"


async def test_a_restore_that_fails_leaves_nothing_half(
    database: Database, database_url: str, restored_url: str, tmp_path: Path
) -> None:
    await make_user(database)
    assert (await shell(block("backup"), tmp_path, database_url)).returncode == 0
    dump = tmp_path / "lectern.dump"
    dump.write_bytes(dump.read_bytes()[:-600])
    assert (await shell(into(restored_url), tmp_path, database_url)).returncode != 0
    assert await fingerprint(restored_url) == set()
