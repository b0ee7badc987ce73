"""One test for each problem, each beside the same set-up without it."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis

from app.cli import examination, migrate
from app.cli.examination import CHECKS, Problem, examine
from app.identity.tokens import key_sets
from tests.conftest import make_database
from tests.support.mail_server import mail_server
from tests.support.ports import free_port


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    key_sets.write(path, dict([key_sets.generate()]))
    return path


@pytest.fixture(scope="module")
def smtp_url() -> Iterator[str]:
    with mail_server() as (url, _):
        yield url


@pytest.fixture
def addresses(database_url: str, redis_url: str, keeping_redis_url: str, smtp_url: str) -> dict[str, str]:
    return {
        "LECTERN_DATABASE_URL": database_url,
        "LECTERN_REDIS_URL": redis_url,
        "LECTERN_PROGRESS_REDIS_URL": keeping_redis_url,
        "LECTERN_SMTP_URL": smtp_url,
    }


@pytest.fixture(autouse=True)
def _healthy(monkeypatch: pytest.MonkeyPatch, addresses: dict[str, str], key_file: Path) -> None:
    for name in [name for name in os.environ if name.startswith("LECTERN_")]:
        monkeypatch.delenv(name)
    for name, value in {
        **addresses,
        "LECTERN_PUBLIC_URL": "https://learn.example",
        "LECTERN_SIGNING_KEYS_FILE": str(key_file),
        "LECTERN_STORAGE_URL": (key_file.parent / "files").as_uri(),
        "LECTERN_HTTP_BACKLOG": "10",  # whatever this machine allows a process to open
    }.items():
        monkeypatch.setenv(name, value)


async def only_problem(processes: int = 1) -> Problem:
    (problem,) = await examine(processes)
    assert problem.check in CHECKS
    assert problem.problem.endswith(".")
    assert problem.remedy
    return problem


async def test_nothing_is_wrong_where_nothing_is_wrong() -> None:
    assert await examine(1) == []


@pytest.mark.parametrize(
    ("name", "check", "sentence"),
    [
        ("LECTERN_DATABASE_URL", "settings", "LECTERN_DATABASE_URL is not set."),
        ("LECTERN_REDIS_URL", "settings", "LECTERN_REDIS_URL is not set."),
        ("LECTERN_PUBLIC_URL", "settings", "LECTERN_PUBLIC_URL is not set."),
        ("LECTERN_SIGNING_KEYS_FILE", "settings", "LECTERN_SIGNING_KEYS is not set."),
    ],
)
async def test_what_is_missing(monkeypatch: pytest.MonkeyPatch, name: str, check: str, sentence: str) -> None:
    monkeypatch.delenv(name)
    problem = await only_problem()
    assert (problem.check, problem.problem) == (check, sentence)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("LECTERN_HTP_PORT", "8000", "LECTERN_HTP_PORT is no setting."),
        ("LECTERN_LOG_LEVEL", "LOUD", "LECTERN_LOG_LEVEL=LOUD is no level."),
        ("LECTERN_PUBLIC_URL", "learn.example", "LECTERN_PUBLIC_URL is no address of the web."),
        (
            "LECTERN_TRUSTED_PROXIES",
            "10.0.0.1, fd00::/8, 10.0.0.7/8, proxy",
            "LECTERN_TRUSTED_PROXIES has proxy, which is no address.",
        ),
        (
            "LECTERN_TRUSTED_PROXIES",
            "10.0.0.0/33",
            "LECTERN_TRUSTED_PROXIES has 10.0.0.0/33, which is no address.",
        ),
        (
            "LECTERN_ALLOWED_ORIGINS",
            "https://learn.example, http://localhost:5173, https://learn.example/",
            "LECTERN_ALLOWED_ORIGINS has https://learn.example/, which no browser sends.",
        ),
        (
            "LECTERN_ALLOWED_ORIGINS",
            "app.example",
            "LECTERN_ALLOWED_ORIGINS has app.example, which no browser sends.",
        ),
        (
            "LECTERN_MODE",
            "development",
            "LECTERN_MODE is development: everybody may look at the schema, and keys are made up.",
        ),
        (
            "LECTERN_MODE",
            "staging",
            "LECTERN_MODE does not fit: Input should be 'development' or 'production'.",
        ),
    ],
)
async def test_settings_that_do_not_fit(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    problem = await only_problem()
    assert (problem.check, problem.problem) == ("settings", sentence)


async def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTERN_HTTP_PORT", "70000")
    monkeypatch.setenv("LECTERN_DATABASE_POOL_SIZE", "0")
    monkeypatch.setenv("LECTERN_DATABASE_POOL_WAIT", "long")
    sentences = [problem.problem for problem in await examine(1)]
    assert len(sentences) == 3
    for name in ("LECTERN_HTTP_PORT", "LECTERN_DATABASE_POOL_SIZE", "LECTERN_DATABASE_POOL_WAIT"):
        assert sum(sentence.startswith(f"{name} does not fit: ") for sentence in sentences) == 1


async def test_keys_that_cannot_be_read(key_file: Path) -> None:
    await asyncio.to_thread(key_file.write_text, "nonsense")
    problem = await only_problem()
    assert (problem.check, problem.problem) == ("keys", f"The key file {key_file} is not JSON.")


async def test_keys_that_others_can_read(key_file: Path) -> None:
    await asyncio.to_thread(key_file.chmod, 0o644)
    problem = await only_problem()
    assert problem.check == "keys"
    assert problem.remedy == f"Close it: chmod 600 {key_file}"
    await asyncio.to_thread(key_file.chmod, 0o600)
    assert await examine(1) == []


async def test_too_few_file_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTERN_HTTP_BACKLOG", "100000000")
    problem = await only_problem()
    assert problem.check == "file descriptors"
    assert "fewer than the 100000130" in problem.problem


async def test_a_database_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTERN_DATABASE_URL", f"postgresql://x:y@127.0.0.1:{free_port()}/z")
    problem = await only_problem()
    assert problem.check == "database"
    assert problem.problem.startswith("PostgreSQL cannot be used: ")


async def test_a_wrong_password(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    head, at, tail = database_url.rpartition("@")
    monkeypatch.setenv("LECTERN_DATABASE_URL", f"{head}-wrong{at}{tail}")
    problem = await only_problem()
    assert problem.check == "database"
    assert "password authentication failed" in problem.problem


@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("LECTERN_DATABASE_URL", "postgresql://ann:secret/word@localhost/x", "database"),
        ("LECTERN_REDIS_URL", "redis://:secret/word@localhost:6379/0", "redis"),
        ("LECTERN_PROGRESS_REDIS_URL", "redis://:secret/word@localhost:6379/0", "redis"),
    ],
)
async def test_an_address_that_cannot_be_read_shows_no_password(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, check: str
) -> None:
    monkeypatch.setenv(name, value)
    problem = await only_problem()
    assert problem.check == check
    assert "secret" not in str(problem)


async def test_a_server_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    # There is no older server here; a newer demand is the same question.
    monkeypatch.setattr(examination, "_POSTGRES", 99)
    problem = await only_problem()
    assert (problem.check, problem.problem) == ("version", "The server is PostgreSQL 18, Lectern needs 99.")


async def test_a_database_that_is_empty_and_of_another_encoding(
    monkeypatch: pytest.MonkeyPatch, postgres_server: str, request: pytest.FixtureRequest
) -> None:
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    name = f"encoding_{worker}"
    url = await make_database(postgres_server, name)
    connection = await asyncpg.connect(postgres_server)
    try:
        await connection.execute(f'DROP DATABASE "{name}"')
        await connection.execute(
            f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"
        )
    finally:
        await connection.close()
    monkeypatch.setenv("LECTERN_DATABASE_URL", url)
    encoding, migrations = await examine(1)
    assert encoding.problem == "The database's encoding is LATIN1: not every name could be stored."
    assert migrations.problem.startswith("The database is at revision none, this release needs ")
    assert migrations.remedy == "Run `lectern migrate`."


async def test_a_database_of_a_later_release(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    before = await connection.fetchval("SELECT version_num FROM alembic_version")
    try:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        problem = await only_problem()
    finally:
        await connection.execute("UPDATE alembic_version SET version_num = $1", before)
        await connection.close()
    assert problem.problem == "The database is at revision 9999, which this release does not know."


@pytest.mark.parametrize("shift", [-120, 120])
async def test_clocks_that_differ(shift: int) -> None:
    (problem,) = await examine(1, now=lambda: time.time() + shift)
    assert problem.check == "clock"
    assert "differ by 1" in problem.problem


async def test_more_connections_than_the_server_has() -> None:
    # The suite's server has 200.
    assert await examine(16) == []
    problem = await only_problem(processes=17)
    assert problem.check == "pool"
    assert problem.problem.startswith(
        "17 processes x 10 connections (LECTERN_DATABASE_POOL_SIZE) = 170, more than"
    )


@pytest.mark.parametrize("variable", ["LECTERN_REDIS_URL", "LECTERN_PROGRESS_REDIS_URL"])
async def test_a_key_value_store_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, f"redis://127.0.0.1:{free_port()}/0")
    problem = await only_problem()
    assert problem.check == "redis"
    assert problem.problem.startswith("Valkey or Redis cannot be used: ")
    assert f"Check {variable} " in problem.remedy


async def test_viewers_progress_in_a_store_that_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, redis_url: str, keeping_redis_url: str
) -> None:
    monkeypatch.delenv("LECTERN_PROGRESS_REDIS_URL")
    # The suite's has no append-only file.
    problem = await only_problem()
    assert (problem.check, problem.problem) == (
        "progress",
        "Viewers' progress is lost when Valkey or Redis ends: it keeps no append-only file.",
    )
    monkeypatch.setenv("LECTERN_REDIS_URL", keeping_redis_url)
    assert await examine(1) == []
    with redis.Redis.from_url(keeping_redis_url) as valkey:
        valkey.config_set("maxmemory-policy", "allkeys-lru")
        try:
            problem = await only_problem()
        finally:
            valkey.config_set("maxmemory-policy", "noeviction")
    assert (problem.check, problem.problem) == (
        "progress",
        "Viewers' progress is thrown out of Valkey or Redis when its memory is full.",
    )


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "LECTERN_SMTP_URL is not set: mails become files that nobody gets."),
        ("http://mail.example", "LECTERN_SMTP_URL cannot be read as an address."),
        ("smtp://127.0.0.1:1", "Mails cannot be sent: The mail server does not answer"),
    ],
)
async def test_mails_that_do_not_leave(monkeypatch: pytest.MonkeyPatch, url: str, sentence: str) -> None:
    monkeypatch.setenv("LECTERN_SMTP_URL", url)
    problem = await only_problem()
    assert problem.check == "mail"
    assert problem.problem.startswith(sentence)


async def test_an_extension_that_migrations_make_and_nobody_made(monkeypatch: pytest.MonkeyPatch) -> None:
    # Today's make none; the texts that would are read the same way.
    assert migrate.required_extensions() == set()
    script = 'op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")'
    assert migrate._EXTENSION.findall(script) == ["pg_trgm"]
    monkeypatch.setattr(migrate, "required_extensions", lambda: {"pg_trgm"})
    problem = await only_problem()
    assert (problem.check, problem.problem) == ("extensions", "The database lacks the extension pg_trgm.")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("gs://files", "LECTERN_STORAGE_URL cannot be used: it looks like s3://"),
        ("s3://files", "LECTERN_STORAGE_URL cannot be used: s3:// needs LECTERN_STORAGE_ACCESS_KEY."),
        ("memory://", "LECTERN_STORAGE_URL is memory://: each process has files of its own"),
        ("file:///proc/nothing", "Files cannot be kept: "),
    ],
)
async def test_a_storage_that_keeps_nothing(monkeypatch: pytest.MonkeyPatch, url: str, said: str) -> None:
    monkeypatch.setenv("LECTERN_STORAGE_URL", url)
    problem = await only_problem()
    assert problem.check == "storage"
    assert problem.problem.startswith(said)


async def test_a_storage_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "URL": "s3://files",
        "ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "ACCESS_KEY": "k",
        "SECRET_ACCESS_KEY": "s",
        "CONNECT_TIMEOUT": "0.3",
        "WRITE_TIMEOUT": "1",
    }.items():
        monkeypatch.setenv(f"LECTERN_STORAGE_{name}", value)
    problem = await only_problem()
    assert (problem.check, problem.problem[:20]) == ("storage", "Files cannot be kept")


async def test_what_was_tried_is_not_kept(key_file: Path) -> None:
    assert await examine(1) == []
    assert list((key_file.parent / "files").rglob("*.txt")) == []
