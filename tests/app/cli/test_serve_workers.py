"""`lectern serve --workers N`: several processes on one port, real ones."""

import asyncio
import json
import os
import re
import signal
import socket
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.database import Database
from app.identity.tokens import key_sets
from tests.app import pools
from tests.factories.identity import PASSWORD, make_user
from tests.support.ports import free_port
from tests.support.programs import INSTALLED, LECTERN, Program, answers, lectern, running

EMAIL = "ann@school.test"
LOGIN = 'mutation { login(input: {email: "%s", password: "%s"}) { session { accessToken } } }'


@pytest.fixture
def variables(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "LECTERN_DATABASE_URL": database_url,
        "LECTERN_REDIS_URL": redis_url,
        "LECTERN_PUBLIC_URL": "https://learn.example",
        "LECTERN_SIGNING_KEYS": key_sets.dump(dict([key_sets.generate()])),
        "LECTERN_HTTP_PORT": str(free_port()),
        # The tests below hold a row for longer than users would be let wait.
        "LECTERN_DATABASE_LOCK_TIMEOUT": "60",
        "LECTERN_DATABASE_STATEMENT_TIMEOUT": "60",
        "LECTERN_HTTP_OPERATION_TIMEOUT": "60",
        "LECTERN_HOME": str(tmp_path / "unused"),
    }


@pytest.fixture
def url(variables: dict[str, str]) -> str:
    return f"http://127.0.0.1:{variables['LECTERN_HTTP_PORT']}"


def serving(
    variables: dict[str, str],
    url: str,
    folder: Path,
    workers: int,
    command: list[str] = LECTERN,
    **more: str,
) -> Iterator[Program]:
    with running([*command, "serve", "--workers", str(workers)], folder, **(variables | more)) as program:
        program.wait_for(lambda: answers(f"{url}/readyz"), "answer")
        if workers > 1:
            program.wait_for(lambda: "serving on" in program.output, "whole crew")
        yield program


@pytest.fixture
def three(variables: dict[str, str], url: str, tmp_path: Path) -> Iterator[Program]:
    yield from serving(variables, url, tmp_path, 3)


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as response:
        return str(response.read().decode())


def asked(url: str) -> dict[str, float]:
    """Operations that each process has answered, by its number."""
    pattern = r'^lectern_graphql_operations_total\{.*process="(\d)"\} (\S+)$'
    found = re.findall(pattern, read(f"{url}/metrics"), re.MULTILINE)
    return {number: sum(float(count) for other, count in found if other == number) for number, _ in found}


def request(text: str) -> bytes:
    body = json.dumps({"query": text})
    return (
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def everything(client: socket.socket) -> bytes:
    with client.makefile("rb") as answer:
        return answer.read()


def ask(url: str) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))) as client:
        client.sendall(request("{ __typename }"))
        return everything(client)


def crew(program: Program) -> list[psutil.Process]:
    return psutil.Process(program.process.pid).children()


def test_every_process_answers_and_one_scrape_shows_all(three: Program, url: str) -> None:
    assert len(crew(three)) == 3
    count = 0

    def all_have_answered() -> bool:
        nonlocal count
        count += 1
        return b'{"data":{"__typename":"Query"}}' in ask(url) and len(asked(url)) == 3

    three.wait_for(all_have_answered, "answer of each")
    assert sum(asked(url).values()) == count
    text = read(f"{url}/metrics")
    assert text.count("# TYPE lectern_graphql_operations_total counter") == 1
    assert len(re.findall(r"^lectern_database_pool_in_use\{", text, re.MULTILINE)) == 3


def test_one_process_has_series_without_a_number(variables: dict[str, str], url: str, tmp_path: Path) -> None:
    for _ in serving(variables, url, tmp_path, 1):
        assert "\nlectern_database_pool_in_use 0.0\n" in read(f"{url}/metrics")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_died_is_replaced(three: Program, url: str, number: signal.Signals) -> None:
    before = crew(three)
    before[1].send_signal(number)

    def replaced() -> bool:
        now = crew(three)
        return len(now) == 3 and before[1] not in now and before[0] in now and before[2] in now

    three.wait_for(replaced, "replacement")
    # Connections that the kernel gives to the new process's socket are answered, every single one.
    assert all(b"__typename" in ask(url) for _ in range(20))
    three.wait_for(lambda: b"__typename" in ask(url) and len(asked(url)) == 3, "answer of each")
    three.send(signal.SIGTERM)
    assert three.end() == 0


def test_the_crew_ends_with_a_supervisor_that_is_killed(three: Program) -> None:
    orphans = crew(three)
    three.send(signal.SIGKILL)
    three.end()
    assert psutil.wait_procs(orphans, timeout=30)[1] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_of_them_is_one_signal(
    variables: dict[str, str], url: str, tmp_path: Path, number: signal.Signals
) -> None:
    """A terminal and systemd send theirs to every process, not to the first alone."""
    for three in serving(variables, url, tmp_path, 3, command=INSTALLED):
        members = crew(three)
        os.killpg(three.process.pid, number)
        assert three.end() == 0
        assert not any(member.is_running() for member in members)
        assert "killed" not in three.output
        assert "Traceback" not in three.output


class Held:
    """A login that waits, because the test holds its account's row."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def waiting(self) -> None:
        """Returns once somebody waits for the row."""
        question = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"
        await pools.until(lambda: self._connection.fetchval(question))

    async def release(self) -> None:
        await self._connection.execute("ROLLBACK")


@pytest.fixture
async def held(database_url: str, database: Database) -> AsyncIterator[Held]:
    user = await make_user(database, email=EMAIL, password=PASSWORD)
    connection = await asyncpg.connect(database_url)
    await connection.execute("BEGIN")
    await connection.execute("SELECT 1 FROM users WHERE id = $1 FOR UPDATE", user.number)
    yield Held(connection)
    await connection.close()


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


@contextmanager
def logging_in(port: int) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", port))) as client:
        client.sendall(request(LOGIN % (EMAIL, PASSWORD)))
        yield client


async def until(program: Program, condition: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(program.wait_for, condition, what)


@pytest.mark.parametrize("workers", [1, 3])
async def test_what_runs_is_finished_while_nobody_new_is_let_in(
    variables: dict[str, str], url: str, tmp_path: Path, held: Held, workers: int
) -> None:
    port = int(variables["LECTERN_HTTP_PORT"])
    for program in serving(variables, url, tmp_path, workers, LECTERN_HTTP_SHUTDOWN_GRACE="60"):
        with logging_in(port) as client:
            await held.waiting()
            program.send(signal.SIGTERM)
            await until(program, lambda: refused(port), "end of new connections")
            assert program.process.poll() is None
            await held.release()
            answer = await asyncio.to_thread(everything, client)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b'"accessToken":"ey' in answer
        assert await asyncio.to_thread(program.end) == 0


@pytest.mark.parametrize("workers", [1, 3])
async def test_who_takes_longer_than_the_limit_is_cut_off(
    variables: dict[str, str], url: str, tmp_path: Path, held: Held, workers: int
) -> None:
    port = int(variables["LECTERN_HTTP_PORT"])
    for program in serving(variables, url, tmp_path, workers, LECTERN_HTTP_SHUTDOWN_GRACE="0.5"):
        with logging_in(port) as client:
            await held.waiting()
            program.send(signal.SIGTERM)
            assert await asyncio.to_thread(program.end) == 0
            assert b"accessToken" not in await asyncio.to_thread(everything, client)


@pytest.mark.parametrize("workers", [1, 3])
async def test_a_second_signal_ends_at_once(
    variables: dict[str, str], url: str, tmp_path: Path, held: Held, workers: int
) -> None:
    port = int(variables["LECTERN_HTTP_PORT"])
    for program in serving(variables, url, tmp_path, workers, LECTERN_HTTP_SHUTDOWN_GRACE="600"):
        with logging_in(port):
            await held.waiting()
            program.send(signal.SIGTERM)
            await until(program, lambda: refused(port), "end of new connections")
            program.send(signal.SIGTERM)
            assert await asyncio.to_thread(program.end) == 0


def test_a_process_that_hangs_is_killed_after_the_limit(
    variables: dict[str, str], url: str, tmp_path: Path
) -> None:
    for program in serving(variables, url, tmp_path, 2, LECTERN_HTTP_SHUTDOWN_GRACE="0.1"):
        hanging = crew(program)[0]
        hanging.suspend()
        program.send(signal.SIGTERM)
        assert program.end() == 0
        assert f"({hanging.pid}) is killed" in program.output


def test_the_pools_of_all_processes_count(variables: dict[str, str]) -> None:
    # The suite's server has 200.
    result = lectern("serve", "--workers", "3", **variables, LECTERN_DATABASE_POOL_SIZE="54")
    assert result.returncode == 1
    assert "3 processes x 54 connections (LECTERN_DATABASE_POOL_SIZE) = 162, more than 80%" in result.stderr


def test_a_port_is_not_shared_with_strangers(three: Program, variables: dict[str, str]) -> None:
    for workers in ("1", "2"):
        result = lectern("serve", "--workers", workers, **variables)
        assert (result.returncode, result.stderr.count("\n")) == (1, 1)
        assert f"Port {variables['LECTERN_HTTP_PORT']} is taken" in result.stderr


@pytest.mark.parametrize(("workers", "code"), [("1", 3), ("2", 1)])
def test_processes_that_cannot_start_end_all(variables: dict[str, str], workers: str, code: int) -> None:
    # The check before the start passes; more milliseconds than an integer holds are refused to the pool alone.
    variables["LECTERN_DATABASE_STATEMENT_TIMEOUT"] = "9999999999"
    result = lectern("serve", "--workers", workers, **variables)
    assert result.returncode == code
    assert "serving on" not in result.stderr
    assert "is started again" not in result.stderr
