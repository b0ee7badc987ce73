"""`lectern worker`, the command; tests/workers/test_main.py has what it does."""

import json
import signal
import socket
from pathlib import Path

import pytest

from app.identity.tokens import key_sets
from tests.support.ports import free_port
from tests.support.programs import INSTALLED, installed, lectern, running


@pytest.fixture
def variables(database_url: str, redis_url: str) -> dict[str, str]:
    return {
        "LECTERN_DATABASE_URL": database_url,
        "LECTERN_REDIS_URL": redis_url,
        "LECTERN_PUBLIC_URL": "https://learn.example",
        "LECTERN_SIGNING_KEYS": key_sets.dump(dict([key_sets.generate()])),
        "LECTERN_WORKER_PORT": str(free_port()),
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_lives_until_a_signal(variables: dict[str, str], tmp_path: Path, number: signal.Signals) -> None:
    assert lectern("worker", "--check", **variables).returncode == 1
    with running([*INSTALLED, "worker"], tmp_path, **variables) as program:
        program.wait_for(lambda: "the worker runs" in program.output, "worker")
        checked = installed("worker", "--check", LECTERN_WORKER_PORT=variables["LECTERN_WORKER_PORT"])
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
        second = lectern("worker", **variables)
        assert (second.returncode, second.stderr.splitlines()[-1]) == (
            1,
            f"Port {variables['LECTERN_WORKER_PORT']} is taken; choose another with LECTERN_WORKER_PORT.",
        )
        program.send(number)
        assert program.end() == 0
        lines = [json.loads(line) for line in program.output.splitlines()]
    assert {line["level"] for line in lines} == {"INFO"}
    # Beside what was due by the clock meanwhile.
    first, last = [line["message"] for line in lines if "job" not in line]
    assert first == "the worker runs"
    assert last.startswith("the worker ends, ")


def test_a_stranger_on_its_port_is_no_worker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = str(stranger.getsockname()[1])
        result = lectern("worker", "--check", LECTERN_WORKER_PORT=port)
    assert result.returncode == 1
    assert result.stderr.startswith(f"No worker answers on port {port}: ")


def test_what_is_missing_is_named() -> None:
    result = lectern("worker")
    assert result.returncode == 1
    assert result.stderr.startswith("`lectern worker` needs LECTERN_DATABASE_URL, LECTERN_REDIS_URL, ")
