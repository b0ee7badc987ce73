import asyncio
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.cli import migrate
from app.embedded import EmbeddedPostgres
from app.identity.tokens import key_sets
from app.identity.tokens.key_sets import Algorithm
from tests.support.ports import free_port
from tests.support.programs import INSTALLED, answers, installed, lectern, running
from tests.support.services import temporary_home


@pytest.fixture(scope="module")
def empty_database() -> Iterator[str]:
    """A server of its own: what is refused depends on its limits and on its being empty."""
    with temporary_home() as home:
        postgres = EmbeddedPostgres(home / "postgres", durable=False, max_connections=20)
        postgres.start()
        yield postgres.url
        postgres.stop()


@pytest.fixture
def variables(empty_database: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "LECTERN_DATABASE_URL": empty_database,
        "LECTERN_REDIS_URL": redis_url,
        "LECTERN_PUBLIC_URL": "https://learn.example",
        "LECTERN_SIGNING_KEYS": key_sets.dump(dict([key_sets.generate(Algorithm.EDDSA)])),
        "LECTERN_HTTP_PORT": str(free_port()),
        "LECTERN_HOME": str(tmp_path / "unused"),
    }


def test_all_that_is_missing_is_named_at_once() -> None:
    result = lectern("serve", LECTERN_REDIS_URL="redis://localhost")
    assert result.returncode == 1
    assert result.stderr == (
        "`lectern serve` needs LECTERN_DATABASE_URL, LECTERN_PUBLIC_URL, LECTERN_SIGNING_KEYS; "
        "`lectern dev` needs nothing.\n"
    )


def test_a_database_that_cannot_be_reached_is_one_sentence(variables: dict[str, str]) -> None:
    variables["LECTERN_DATABASE_URL"] = f"postgresql://x:y@127.0.0.1:{free_port()}/z"
    for command in ("serve", "migrate"):
        result = lectern(command, **variables)
        assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
        assert result.stderr.startswith("PostgreSQL cannot be used: ")


def test_an_address_that_is_none_is_one_sentence(variables: dict[str, str]) -> None:
    variables["LECTERN_REDIS_URL"] = "localhost:6379"
    for command in (("serve",), ("dev",)):
        result = lectern(*command, **variables)
        assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
        assert result.stderr.startswith("LECTERN_REDIS_URL does not fit: ")


def test_from_an_empty_database_to_the_last_answer(variables: dict[str, str], tmp_path: Path) -> None:
    newest = migrate.newest_revision()
    refused = lectern("serve", **variables)
    assert refused.returncode == 1
    assert f"at revision none, this release needs {newest}: run `lectern migrate`" in refused.stderr

    for command in (installed, lectern):
        migrated = command("migrate", **variables)
        assert (migrated.returncode, migrated.stdout) == (0, f"{newest}\n")

    greedy = lectern("serve", **variables, LECTERN_DATABASE_POOL_SIZE="17")
    assert greedy.returncode == 1
    assert "1 process x 17 connections" in greedy.stderr
    assert "max_connections = 20" in greedy.stderr

    url = f"http://127.0.0.1:{variables['LECTERN_HTTP_PORT']}"
    variables |= {"LECTERN_DATABASE_POOL_SIZE": "16", "LECTERN_HTTP_HEAD_TIMEOUT": "0.5"}
    with running([*INSTALLED, "serve"], tmp_path, **variables) as program:
        program.wait_for(lambda: answers(f"{url}/readyz"), "answer")
        with socket.create_connection(
            ("127.0.0.1", int(variables["LECTERN_HTTP_PORT"])), timeout=60
        ) as idler:
            assert idler.recv(1) == b"", "who sends no head is not waited for"
        assert not answers(f"{url}/graphiql")
        program.send(signal.SIGTERM)
        assert program.end() == 0
        lines = [json.loads(line) for line in program.output.splitlines()]
    assert any(line["message"].startswith("serving on 127.0.0.1:") for line in lines)
    assert not (tmp_path / "unused").exists()


async def test_a_database_of_a_later_release_is_not_migrated(database_url: str) -> None:
    """Not on the database of the test above: tests run in any order."""
    connection = await asyncpg.connect(database_url)
    before = await connection.fetchval("SELECT version_num FROM alembic_version")
    try:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        result = await asyncio.to_thread(lectern, "migrate", LECTERN_DATABASE_URL=database_url)
        assert result.returncode == 1
        assert "at revision 9999, which this release does not know" in result.stderr
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999"
    finally:
        await connection.execute("UPDATE alembic_version SET version_num = $1", before)
        await connection.close()
