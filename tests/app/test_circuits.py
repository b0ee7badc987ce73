"""A circuit opens after outages in a row, lets one call try, and takes answers for answers."""

import asyncio
import logging
from typing import Any

import pytest

from app.circuits import Circuit
from app.errors import DomainError, Unavailable
from app.telemetry import Metrics


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("circuitbreaker.monotonic", lambda: now[0])
    return now


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def circuit(metrics: Metrics, clock: list[float]) -> Circuit:
    return Circuit("test", metrics, failures=3, rest=1.0)


def sample(metrics: Metrics, name: str) -> Any:
    return metrics.registry.get_sample_value(f"lectern_circuit_{name}", {"port": "test"})


def fail(circuit: Circuit, error: BaseException) -> None:
    with pytest.raises(type(error)), circuit.call():
        raise error


def opened(circuit: Circuit) -> None:
    for _ in range(3):
        fail(circuit, OSError("away"))


def test_it_opens_after_outages_in_a_row(circuit: Circuit, metrics: Metrics) -> None:
    assert sample(metrics, "open") == 0
    for error in (OSError("gone"), TimeoutError("slow")):
        fail(circuit, error)
    assert sample(metrics, "open") == 0
    fail(circuit, Unavailable("away"))
    assert sample(metrics, "open") == 1
    with pytest.raises(Unavailable, match="does not answer"), circuit.call():
        raise AssertionError("it must not be called")
    assert sample(metrics, "refusals_total") == 1


def test_an_answer_between_begins_anew(circuit: Circuit) -> None:
    for _ in range(10):
        fail(circuit, OSError("gone"))
        fail(circuit, OSError("gone"))
        with circuit.call():
            pass
    assert circuit.closed


@pytest.mark.parametrize("error", [ValueError("a bug"), DomainError("a refusal"), KeyError("k")])
def test_what_is_no_outage_does_not_count(circuit: Circuit, error: Exception) -> None:
    for _ in range(10):
        fail(circuit, error)
    assert circuit.closed


def test_it_rests_then_one_call_tries(circuit: Circuit, clock: list[float], metrics: Metrics) -> None:
    opened(circuit)
    clock[0] += 0.9
    with pytest.raises(Unavailable), circuit.call():
        raise AssertionError("too early")
    clock[0] += 0.2
    with circuit.call():
        with pytest.raises(Unavailable), circuit.call():
            raise AssertionError("a second one at once")
        assert sample(metrics, "open") == 1
    assert sample(metrics, "open") == 0
    with circuit.call():
        pass


def test_a_try_that_fails_opens_it_again_at_once(circuit: Circuit, clock: list[float]) -> None:
    opened(circuit)
    clock[0] += 1.1
    fail(circuit, OSError("still away"))
    with pytest.raises(Unavailable), circuit.call():
        raise AssertionError("it rests again")
    clock[0] += 1.1
    with circuit.call():
        pass
    assert circuit.closed


def test_a_try_that_is_cancelled_proves_nothing(circuit: Circuit, clock: list[float]) -> None:
    opened(circuit)
    clock[0] += 1.1
    fail(circuit, asyncio.CancelledError())
    assert not circuit.closed
    fail(circuit, OSError("still away"))
    with pytest.raises(Unavailable), circuit.call():
        raise AssertionError("it rests again")


def test_a_cancelled_call_is_neither_outage_nor_answer(circuit: Circuit) -> None:
    fail(circuit, OSError("gone"))
    fail(circuit, OSError("gone"))
    fail(circuit, asyncio.CancelledError())
    assert circuit.closed
    fail(circuit, OSError("gone"))
    assert not circuit.closed


async def test_of_many_waiting_calls_all_may_fail_and_it_opens_once(
    circuit: Circuit, metrics: Metrics, caplog: pytest.LogCaptureFixture, clock: list[float]
) -> None:
    async def call() -> None:
        with circuit.call():
            await asyncio.sleep(0)
            raise TimeoutError

    answers = await asyncio.gather(*(call() for _ in range(20)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {TimeoutError}
    clock[0] += 1.1
    caplog.set_level(logging.INFO, "app.circuits")
    with circuit.call():
        pass
    assert [record.getMessage() for record in caplog.records] == [
        "test does not answer and is left alone",
        "test answers again",
    ]


def test_ports_have_circuits_of_their_own(metrics: Metrics, circuit: Circuit) -> None:
    other = Circuit("other", metrics)
    opened(circuit)
    with other.call():
        pass
    assert metrics.registry.get_sample_value("lectern_circuit_open", {"port": "other"}) == 0
