import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from app.embedded import (
    EmbeddedError,
    EmbeddedPostgres,
    EmbeddedValkey,
    locked_home,
    postgres,
    process,
    valkey,
)
from tests.support.programs import environment, running, wait_until_none

# Prints the addresses and stays until it is killed.
BOTH = """
import json, pathlib, sys, time
from app.embedded import *
home = pathlib.Path(sys.argv[1])
with locked_home(home):
    valkey, postgres = EmbeddedValkey(home / "valkey"), EmbeddedPostgres(home / "postgres")
    valkey.launch(), postgres.start(), valkey.wait()
    print(json.dumps([postgres.url, valkey.url]), flush=True)
    time.sleep(600)
"""


async def _sql(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _redis(url: str, *command: str) -> object:
    async with Redis.from_url(url, decode_responses=True) as redis:
        return await redis.execute_command(*command)


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster that was stopped, under a path of the kind that breaks sockets, URLs and configuration files."""
    root = tmp_path_factory.mktemp("embedded")
    folder = root / ("a very long folder's name # " * 4) / 'with "quotes" and % é'
    _open_to_services(folder, root)
    service = EmbeddedPostgres(folder / "postgres", durable=False)
    service.start()
    service.stop()
    yield folder
    wait_until_none(root)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return _open_to_services(tmp_path / "home", tmp_path)


def _open_to_services(folder: Path, root: Path) -> Path:
    """pytest's folders are closed to all but the tests' user; as root the services run as another one."""
    folder.mkdir(parents=True)
    for each in (folder, *folder.parents):
        if each.is_relative_to(root.parent):
            each.chmod(0o755)
    return folder


async def test_postgres_keeps_its_data_address_and_settings(awkward: Path) -> None:
    service = EmbeddedPostgres(awkward / "postgres", durable=False)
    service.start()
    try:
        first = service.url
        await _sql(first, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert await _sql(first, "SHOW server_encoding") == "UTF8"
        assert await _sql(first, "SHOW timezone") == "UTC"
        assert await _sql(first, "SELECT datlocale FROM pg_database WHERE datname = 'lectern'") == "C.UTF-8"
        assert await _sql(first, "SHOW fsync") == "off"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await _sql(first.replace("lectern:", "lectern:x", 1), "SELECT 1")
    finally:
        service.stop()
    again = EmbeddedPostgres(awkward / "postgres", max_connections=33)
    again.start()
    try:
        assert again.url == first
        assert await _sql(first, "SELECT answer FROM kept") == 42
        assert await _sql(first, "SHOW max_connections") == "33"
        assert await _sql(first, "SHOW fsync") == "on"
    finally:
        again.stop()


async def test_valkey_keeps_what_was_written_and_asks_for_its_password(awkward: Path) -> None:
    for command, answer in ((("SET", "kept", "é"), True), (("GET", "kept"), "é")):
        service = EmbeddedValkey(awkward / "valkey")
        service.start()
        try:
            assert await _redis(service.url, *command) == answer
            with socket.create_connection(
                ("127.0.0.1", int(service.url.split(":")[-1].split("/")[0]))
            ) as stranger:
                stranger.sendall(b"PING\r\n")
                assert stranger.recv(100).startswith(b"-NOAUTH")
        finally:
            service.stop()


def test_secrets_are_closed_to_others(awkward: Path) -> None:
    for path in (awkward / "postgres/password", awkward / "postgres/data", awkward / "postgres"):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_kill_of_the_parent_ends_the_services_and_the_next_start_recovers(
    folder: Path, tmp_path: Path
) -> None:
    written = None
    for _ in range(2):
        with running([sys.executable, "-c", BOTH, str(folder)], tmp_path) as program:
            program.wait_for(lambda: "\n" in program.output, "addresses")
            postgres_url, valkey_url = json.loads(program.output)
            if written is None:
                written = await _sql(postgres_url, "CREATE TABLE kept AS SELECT 1 AS answer")
                await _redis(valkey_url, "SET", "kept", "1")
            else:
                assert await _sql(postgres_url, "SELECT answer FROM kept") == 1
                await _redis(valkey_url, "PING")
            program.send(signal.SIGKILL)
            assert program.end() == -signal.SIGKILL
            wait_until_none(folder)
        written = True


async def test_a_server_that_still_runs_is_stopped_first(folder: Path) -> None:
    left = EmbeddedPostgres(folder / "postgres", durable=False), EmbeddedValkey(folder / "valkey")
    for service in left:
        service.start()
    await _sql(left[0].url, "CREATE TABLE kept AS SELECT 1 AS answer")
    await _redis(left[1].url, "SET", "kept", "1")
    again = EmbeddedPostgres(folder / "postgres", durable=False), EmbeddedValkey(folder / "valkey")
    try:
        for service in again:
            service.start()
        assert await _sql(again[0].url, "SELECT answer FROM kept") == 1
        assert await _redis(again[1].url, "GET", "kept") == "1"
    finally:
        for service in (*again, *left):
            service.stop()
    wait_until_none(folder)


@pytest.mark.parametrize("pid", ["ours", "nobody's", "none"])
async def test_lock_files_of_dead_and_foreign_processes_are_no_obstacle(awkward: Path, pid: str) -> None:
    number = {"ours": str(os.getpid()), "nobody's": "4194304", "none": ""}[pid]
    data = awkward / "postgres/data"
    (data / "postmaster.pid").write_text(f"{number}\n{data}\n1\n5432\n\n127.0.0.1\n 1 1\nready   \n")
    (awkward / "valkey").mkdir(exist_ok=True)
    (awkward / "valkey/pid").write_text(number)
    services = EmbeddedPostgres(awkward / "postgres", durable=False), EmbeddedValkey(awkward / "valkey")
    try:
        for service in services:
            service.start()
        assert await _sql(services[0].url, "SELECT 1") == 1
        assert await _redis(services[1].url, "PING") is True
    finally:
        for service in services:
            service.stop()


async def test_a_port_that_is_taken_at_the_last_moment_is_exchanged(
    awkward: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = int(other.getsockname()[1])
        offers = iter([taken, process.free_port(), taken, process.free_port()])
        for module in (postgres, valkey):
            monkeypatch.setattr(module, "free_port", lambda _preferred=None: next(offers))
        services = EmbeddedPostgres(awkward / "postgres", durable=False), EmbeddedValkey(awkward / "valkey")
        try:
            for service in services:
                service.start()
            assert await _sql(services[0].url, "SELECT 1") == 1
            assert await _redis(services[1].url, "PING") is True
        finally:
            for service in services:
                service.stop()


def _refusal(folder: Path) -> str:
    service = EmbeddedPostgres(folder, durable=False)
    try:
        with pytest.raises(EmbeddedError) as caught:
            service.start()
    finally:
        service.stop()
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_a_folder_of_another_version_is_refused_and_kept(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data/PG_VERSION").write_text("15\n")
    assert "written by PostgreSQL 15, this release runs PostgreSQL 18" in _refusal(folder)
    assert (folder / "data/PG_VERSION").read_text() == "15\n"


def test_a_folder_of_something_else_is_refused_and_kept(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data/thesis.txt").write_text("years of work")
    assert "not a data folder of PostgreSQL" in _refusal(folder)
    assert (folder / "data/thesis.txt").exists()


def test_a_lost_password_is_named(awkward: Path) -> None:
    password = awkward / "postgres/password"
    password.rename(password.with_name("elsewhere"))
    try:
        assert "password is missing" in _refusal(awkward / "postgres")
    finally:
        password.with_name("elsewhere").rename(password)


def test_a_damaged_cluster_says_where_the_reason_is(folder: Path) -> None:
    (folder / "data").mkdir(mode=0o700)
    (folder / "data/PG_VERSION").write_text("18\n")
    (folder / "password").write_text("x")
    if os.geteuid() == 0:
        os.chown(folder / "data", 65534, 65534)
    assert str(folder / "log") in _refusal(folder)


def test_too_little_space_is_said_before_anything_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "free_space", lambda _folder: 1_000_000)
    assert _refusal(folder).startswith("No space left")
    assert not (folder / "data").exists()
    assert not (folder / "data.new").exists()


@pytest.mark.parametrize(
    ("number", "begins"), [(errno.ENOSPC, "No space left"), (errno.EROFS, "/x cannot be used (Read-only")]
)
def test_refusals_of_the_file_system_are_sentences(number: int, begins: str) -> None:
    with pytest.raises(EmbeddedError, match="LECTERN_HOME") as caught, process.explained(Path("/x")):
        raise OSError(number, os.strerror(number))
    assert str(caught.value).startswith(begins)


def test_a_program_that_cannot_run_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "initdb"
    program.write_bytes(b"\x7fELF of another machine")
    monkeypatch.setattr(postgres, "postgres_program", lambda _name: str(program))
    assert "missing or not executable" in _refusal(folder / "postgres")
    program.chmod(0o755)
    assert "cannot be run" in _refusal(folder / "postgres")


def test_a_home_is_used_by_one_at_a_time(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with locked_home(home), pytest.raises(EmbeddedError, match="already runs"), locked_home(home):
        pytest.fail("two held the same home")
    with locked_home(home) as again:
        assert again == home


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(EmbeddedError, match="cannot be used"), locked_home(home):
            pytest.fail("a file was used as a folder")


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs as an ordinary user already")
def test_an_ordinary_user_needs_nothing_of_root() -> None:
    # pytest's own folders are closed to other users.
    with tempfile.TemporaryDirectory() as opened:
        _as_an_ordinary_user(Path(opened))


def _as_an_ordinary_user(folder: Path) -> None:
    def start(home: Path) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", BOTH, str(home)],
            user=65534,
            group=65534,
            extra_groups=[],
            env=environment(HOME="/nonexistent"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    (folder / "closed").mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    try:
        child = start(folder)
    except PermissionError:
        pytest.skip("this Python is closed to other users than root")
    try:
        assert child.stdout is not None
        postgres_url, valkey_url = json.loads(child.stdout.readline())
        assert asyncio.run(_sql(postgres_url, "SELECT 1")) == 1
        assert asyncio.run(_redis(valkey_url, "PING")) is True
    finally:
        child.kill()
        child.communicate()
    wait_until_none(folder)
    refused = start(folder / "closed")
    assert "cannot be used (Permission denied)" in refused.communicate()[1]
    assert refused.returncode == 1
