import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import Redis

from app.cli.connection import _valkey_url
from app.cli.dev import _bind_worker
from app.settings import HttpSettings, Mode, Settings
from tests.support.ports import free_port
from tests.support.programs import (
    INSTALLED,
    LECTERN,
    ROOT,
    Program,
    answers,
    installed,
    lectern,
    processes_of,
    running,
    wait_until_none,
)

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Place:
    """A home and a port; `start` runs `lectern dev` there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home of Lectern"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        for each in (root, *root.parents[:2]):
            each.chmod(0o755)  # as root the services run as another user and must get through

    @property
    def variables(self) -> dict[str, str]:
        return {"LECTERN_HOME": str(self.home), "PORT": str(self.port)}

    def start(self, *, command: list[str] = LECTERN) -> Iterator[Program]:
        with running([*command, "dev"], self.root, **self.variables) as program:
            yield program
        wait_until_none(self.home)

    def ready(self, program: Program) -> None:
        program.wait_for(lambda: answers(f"{self.url}/healthz"), "answer")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One home for the module: only its first start makes a database."""
    return Place(tmp_path_factory.mktemp("dev"))


@pytest.fixture
def fresh(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def dev(place: Place) -> Iterator[Program]:
    for program in place.start():
        place.ready(program)
        yield program


@pytest.mark.parametrize("number", ENDINGS)
def test_every_ending_stops_all_of_it(place: Place, number: signal.Signals) -> None:
    for program in place.start(command=INSTALLED):
        place.ready(program)
        family = psutil.Process(program.process.pid).children(recursive=True)
        assert {"postgres", "valkey-server"} <= {each.name() for each in family}
        program.send(number)
        assert program.end() == 0
        assert not any(each.is_running() for each in family)
        assert processes_of(place.home) == []
        assert "Traceback" not in program.output


def test_the_greeting_says_what_to_open_and_who_to_be(place: Place, dev: Program) -> None:
    dev.wait_for(lambda: "Ctrl-C" in dev.output, "greeting")
    assert f"{place.url}/graphql" in dev.output
    logins = [line.split() for line in dev.output.splitlines() if line.endswith((" admin", " student"))]
    assert logins
    query = 'mutation { login(input: {email: "%s", password: "%s"}) { session { accessToken } } }'
    body = json.dumps({"query": query % tuple(logins[0][:2])})
    with socket.create_connection(("127.0.0.1", place.port)) as client:
        client.sendall(_request(body).encode())
        assert b'"accessToken":"' in _everything(client)


def test_a_worker_runs_beside_the_api(place: Place, dev: Program) -> None:
    with Redis.from_url(_valkey_url(place.home / "valkey")) as redis:
        dev.wait_for(lambda: bool(redis.keys("lectern:worker:*")), "sign of life")
    dev.send(signal.SIGINT)
    assert dev.end() == 0
    assert "Traceback" not in dev.output


def test_the_worker_tells_about_itself_and_what_is_documented_is_taken(place: Place, dev: Program) -> None:
    """The commands of docs/progress.md as they stand, but for the port; the worker's own series show the flush."""
    dev.wait_for(lambda: "Ctrl-C" in dev.output, "greeting")
    (worker,) = re.findall(r"the worker's (http://\S+)/metrics", dev.output)
    dev.wait_for(lambda: answers(f"{worker}/readyz"), "look at the queues")
    assert answers(f"{worker}/healthz")
    if shutil.which("curl") is None:
        pytest.skip("the page's commands need curl, which this machine lacks")
    page = (ROOT / "docs/progress.md").read_text()
    (commands,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    told = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    done = subprocess.run(
        ["sh", "-eu"],
        input=commands.replace("http://127.0.0.1:8000/", f"{place.url}/"),
        text=True,
        capture_output=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert len(answer["ticket"]) == 86
    assert answer | {"ticket": "AAAA..."} == json.loads(told[0])

    def written() -> bool:
        with urllib.request.urlopen(f"{worker}/metrics", timeout=30) as metrics:
            return 'lectern_progress_flushed_total{kind="viewings"} 1.0\n' in metrics.read().decode()

    dev.wait_for(written, "flush among the worker's series")


def test_the_workers_port_is_beside_the_apis_or_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(mode=Mode.DEVELOPMENT, http=HttpSettings(port=port - 100))
        with _bind_worker(settings) as another:
            assert another.getsockname()[1] != port
    with _bind_worker(settings) as beside:
        assert beside.getsockname()[1] == port
    with _bind_worker(Settings(mode=Mode.DEVELOPMENT, http=HttpSettings(port=65500))) as another:
        assert another.getsockname()[1] >= 1024


@pytest.mark.parametrize("name", ["valkey-server", "postgres"])
def test_a_service_that_dies_is_started_again(place: Place, name: str) -> None:
    for program in place.start():
        place.ready(program)
        for _ in range(2):
            before = service_of(program, name)
            assert before is not None
            before.kill()
            program.wait_for(lambda: service_of(program, name) not in {None, before}, "come again")  # noqa: B023
            program.wait_for(lambda: answers(f"{place.url}/readyz"), "be ready")
        assert not [
            each
            for each in psutil.Process(program.process.pid).children()
            if each.status() == psutil.STATUS_ZOMBIE
        ]
        program.send(signal.SIGTERM)
        assert program.end() == 0
        assert program.output.count(f"{name} has ended by SIGKILL, its log is ") == 2
        assert "never retrieved" not in program.output


def test_a_service_that_ends_again_and_again_ends_all_of_it(place: Place) -> None:
    for program in place.start():
        place.ready(program)
        while program.process.poll() is None:
            if service := service_of(program, "valkey-server"):
                service.kill()
            time.sleep(0.05)
        assert program.end() == 1
        last = program.output.splitlines()[-1]
        assert last.startswith("valkey-server has ended by SIGKILL, its log is ")
        assert last.endswith(": it ends again and again, and Lectern with it.")


def service_of(program: Program, name: str) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        for each in psutil.Process(program.process.pid).children():
            if each.name() == name and each.status() != psutil.STATUS_ZOMBIE:
                return each
    return None


def test_whoever_ends_all_at_once_has_asked_for_it(place: Place) -> None:
    """As a machine that is shut down does."""
    for program in place.start():
        place.ready(program)
        for process in (psutil.Process(program.process.pid), *psutil.Process(program.process.pid).children()):
            process.send_signal(signal.SIGTERM)
        assert program.end() == 0
        assert program.output.endswith("Stopped.\n")


def test_a_running_request_is_answered_before_the_end(place: Place, dev: Program) -> None:
    head, body = _request('{"query":"{ __typename }"}').split("\r\n\r\n")
    with socket.create_connection(("127.0.0.1", place.port)) as client:
        client.sendall(f"{head}\r\nExpect: 100-continue\r\n\r\n".encode())
        # The application has begun to read the body.
        assert client.recv(1000).startswith(b"HTTP/1.1 100")
        dev.send(signal.SIGTERM)
        dev.wait_for(lambda: not answers(f"{place.url}/healthz"), "end of new connections")
        client.sendall(body.encode())
        assert b'{"data":{"__typename":"Query"}}' in _everything(client)
    assert dev.end() == 0


def test_a_request_that_never_ends_is_cut_off_by_a_second_signal(place: Place, dev: Program) -> None:
    head, _ = _request('{"query":"{ __typename }"}').split("\r\n\r\n")
    with socket.create_connection(("127.0.0.1", place.port)) as client:
        client.sendall(f"{head}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 100")
        dev.send(signal.SIGINT)
        dev.wait_for(lambda: not answers(f"{place.url}/healthz"), "end of new connections")
        dev.send(signal.SIGINT)
        assert dev.end() == 0
    assert processes_of(place.home) == []


def test_kill_leaves_nothing_and_the_next_start_recovers(place: Place, dev: Program) -> None:
    family = psutil.Process(dev.process.pid).children(recursive=True)
    dev.send(signal.SIGKILL)
    dev.end()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []
    for again in place.start():
        place.ready(again)
        assert "First start" not in again.output
        again.send(signal.SIGINT)
        assert again.end() == 0


@pytest.mark.parametrize(
    "moment",
    [
        "home/lock",
        "home/postgres/data.new/PG_VERSION",
        "home/postgres/data/postmaster.pid",
        "home/postgres/port",
    ],
)
def test_a_signal_while_starting_leaves_nothing(fresh: Place, moment: str) -> None:
    path = fresh.home / Path(moment).relative_to("home")
    for program in fresh.start():
        program.wait_for(path.exists, moment)
        # A person who presses Ctrl-C twice, and a terminal that closes upon it.
        program.send(signal.SIGINT)
        program.send(signal.SIGINT)
        program.send(signal.SIGHUP)
        assert program.end() == 0
        assert "Traceback" not in program.output
    assert not (fresh.home / "postgres/data.new").exists()


def test_a_kill_while_the_database_is_made_is_no_obstacle(fresh: Place) -> None:
    for program in fresh.start():
        program.wait_for((fresh.home / "postgres/data.new/PG_VERSION").exists, "a half-made database")
        program.send(signal.SIGKILL)
        program.end()
    for program in fresh.start():
        fresh.ready(program)
        program.send(signal.SIGTERM)
        assert program.end() == 0


def test_a_taken_port_is_said_first(fresh: Place) -> None:
    with socket.create_server(("127.0.0.1", fresh.port)):
        result = lectern("dev", **fresh.variables)
    assert result.returncode == 1
    assert (
        result.stderr == f"Port {fresh.port} is taken; choose another with PORT={fresh.port + 1} make run.\n"
    )
    assert not fresh.home.exists()


def test_a_second_start_in_the_same_home_is_refused(place: Place, dev: Program) -> None:
    result = lectern("dev", LECTERN_HOME=str(place.home), PORT=str(free_port()))
    assert result.returncode == 1
    assert "Lectern already runs in" in result.stderr
    assert result.stderr.count("\n") == 1
    assert answers(f"{place.url}/healthz")


def test_an_unusable_home_is_one_sentence(fresh: Place) -> None:
    fresh.home.write_text("a file")
    result = lectern("dev", **fresh.variables)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "LECTERN_HOME" in result.stderr


def test_a_home_of_an_older_version_is_one_sentence_and_stays(fresh: Place) -> None:
    (fresh.home / "postgres/data").mkdir(parents=True)
    version = fresh.home / "postgres/data/PG_VERSION"
    version.write_text("16\n")
    result = lectern("dev", **fresh.variables)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "written by PostgreSQL 16" in result.stderr
    assert version.read_text() == "16\n"
    assert processes_of(fresh.home) == []


def test_a_wrong_setting_names_its_variable(fresh: Place) -> None:
    result = installed("dev", **fresh.variables, LECTERN_DATABASE_POOL_SIZE="many")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("LECTERN_DATABASE_POOL_SIZE does not fit: ")


def _everything(client: socket.socket) -> bytes:
    with client.makefile("rb") as answer:
        return answer.read()


def _request(body: str) -> str:
    return (
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
