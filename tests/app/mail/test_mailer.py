"""What becomes of mails, on real connections that are kept, lost, and never shared."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr

from app.circuits import FAILURES, REST
from app.mail import Mailer, Message, Outcome, mailer, open_mailer
from app.settings import MailSettings, Settings
from app.telemetry import Metrics
from tests.support.mailbox import parsed
from tests.support.ports import free_port

SENT, REFUSED, LATER = Outcome.SENT, Outcome.REFUSED, Outcome.LATER


class Server:
    """Takes mails, unless the test says otherwise."""

    def __init__(self) -> None:
        self.answer: Callable[[str], str] = lambda _address: "250 OK"
        self.received: list[str] = []
        self.begun = threading.Event()
        self.connections = 0
        self.open = self.most_open = 0
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())

    # The library finds these by name.
    async def handle_EHLO(  # noqa: N802
        self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        answer = self.answer(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        await asyncio.sleep(0.01)
        if envelope.rcpt_tos == ["slow@school.test"]:
            self.begun.set()
            await asyncio.sleep(60)
        self.open -= 1
        self.received.extend(envelope.rcpt_tos)
        return "250 OK"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    server.controller.start()
    yield server
    await asyncio.to_thread(server.controller.stop)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@asynccontextmanager
async def sending(port: int, home: Path, metrics: Metrics, **changes: Any) -> AsyncIterator[Mailer]:
    mail = MailSettings(smtp_url=SecretStr(f"smtp://127.0.0.1:{port}"), mail_timeout=2, **changes)
    async with open_mailer(Settings(home=home, mail=mail), metrics) as mailer:
        yield mailer


def to(*names: str) -> list[Message]:
    return [Message("test", f"{name}@school.test", "S", "T\n", "<p>T</p>") for name in names]


def counted(metrics: Metrics) -> dict[str, float]:
    return {
        sample.labels["outcome"]: sample.value
        for metric in metrics.mails.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


async def test_one_connection_carries_batch_after_batch(
    server: Server, tmp_path: Path, metrics: Metrics
) -> None:
    async with sending(server.controller.port, tmp_path, metrics) as sender:
        assert await sender.send(to("ann", "bob")) == [SENT, SENT]
        assert await sender.send(to("zoe")) == [SENT]
        assert await sender.send([]) == []
    assert server.connections == 1
    assert server.received == ["ann@school.test", "bob@school.test", "zoe@school.test"]
    assert counted(metrics) == {"sent": 3}


async def test_each_mail_has_an_outcome_of_its_own(server: Server, tmp_path: Path, metrics: Metrics) -> None:
    answers = {"ann@school.test": "550 No such user", "bob@school.test": "450 Come again"}
    server.answer = lambda address: answers.get(address, "250 OK")
    nowhere = Message("test", "no address", "S", "T\n", "<p>T</p>")
    async with sending(server.controller.port, tmp_path, metrics) as sender:
        outcomes = await sender.send([*to("ann", "bob"), nowhere, *to("zoe")])
    assert outcomes == [REFUSED, LATER, REFUSED, SENT]
    assert server.received == ["zoe@school.test"]
    assert counted(metrics) == {"sent": 1, "refused": 2, "later": 1}


async def test_no_server_hears_of_an_address_that_nobody_can_have(
    server: Server, tmp_path: Path, metrics: Metrics
) -> None:
    pseudonym = Message("test", "learner-1@school.INVALID", "S", "T\n", "<p>T</p>")
    async with sending(server.controller.port, tmp_path, metrics) as sender:
        assert await sender.send([pseudonym, *to("ann")]) == [REFUSED, SENT]
    assert server.received == ["ann@school.test"]


async def test_a_server_that_is_away_is_later(tmp_path: Path, metrics: Metrics) -> None:
    async with sending(free_port(), tmp_path, metrics) as sender:
        assert await sender.send(to("ann", "bob")) == [LATER, LATER]


async def test_a_server_that_stays_away_is_left_alone_for_a_moment(
    server: Server, tmp_path: Path, metrics: Metrics
) -> None:
    port = server.controller.port
    await asyncio.to_thread(server.controller.stop)
    refused = partial(metrics.registry.get_sample_value, "lectern_circuit_refusals_total", {"port": "mail"})
    async with sending(port, tmp_path, metrics) as sender:
        for _ in range(FAILURES):
            assert await sender.send(to("ann")) == [LATER]
        assert refused() == 0
        assert await sender.send(to("ann")) == [LATER]
        assert refused() == 1
        server.controller = Controller(server, hostname="127.0.0.1", port=port)
        server.controller.start()
        await asyncio.sleep(REST + 0.1)
        assert await sender.send(to("ann")) == [SENT]
    assert metrics.registry.get_sample_value("lectern_circuit_open", {"port": "mail"}) == 0


async def test_a_connection_that_breaks_leaves_the_rest_for_later(
    server: Server, tmp_path: Path, metrics: Metrics
) -> None:
    server.answer = lambda address: "421 Closing" if address.startswith("bob") else "250 OK"
    async with sending(server.controller.port, tmp_path, metrics) as sender:
        assert await sender.send(to("ann", "bob", "zoe")) == [SENT, LATER, LATER]
        server.answer = lambda _address: "250 OK"
        assert await sender.send(to("bob", "zoe")) == [SENT, SENT]
    assert server.connections == 2


async def test_a_connection_that_died_meanwhile_is_replaced(
    server: Server, tmp_path: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailer, "FRESH", 0.0)
    async with sending(server.controller.port, tmp_path, metrics) as sender:
        assert await sender.send(to("ann")) == [SENT]
        port = server.controller.port
        await asyncio.to_thread(server.controller.stop)
        server.controller = Controller(server, hostname="127.0.0.1", port=port)
        server.controller.start()
        assert await sender.send(to("bob")) == [SENT]
        assert await sender.send(to("zoe")) == [SENT]
    assert server.connections == 2


async def test_never_more_connections_than_allowed(server: Server, tmp_path: Path, metrics: Metrics) -> None:
    async with sending(server.controller.port, tmp_path, metrics, mail_connections=2) as sender:
        outcomes = await asyncio.gather(*(sender.send(to(f"user{n}")) for n in range(12)))
    assert outcomes == [[SENT]] * 12
    assert server.connections == server.most_open == 2
    assert sorted(server.received) == sorted(f"user{n}@school.test" for n in range(12))


async def test_who_is_cancelled_leaves_no_broken_connection(
    server: Server, tmp_path: Path, metrics: Metrics
) -> None:
    async with sending(server.controller.port, tmp_path, metrics, mail_connections=1) as sender:
        await sender.send(to("ann"))
        task = asyncio.create_task(sender.send(to("bob", "slow", "eve")))
        assert await asyncio.to_thread(server.begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await sender.send(to("zoe")) == [SENT]
    assert server.connections == 2
    assert server.received == [f"{name}@school.test" for name in ("ann", "bob", "zoe")]


async def test_without_a_server_mails_are_files(tmp_path: Path, metrics: Metrics) -> None:
    async with open_mailer(Settings(home=tmp_path), metrics) as sender:
        assert await sender.send(to("ann", "bob")) == [SENT, SENT]
    files = sorted((tmp_path / "mail").iterdir())
    assert [parsed(file.read_bytes()).to for file in files] == ["ann@school.test", "bob@school.test"]
