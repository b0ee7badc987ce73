"""Posting never waits; what is posted is sent, tried again, given up, and counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage
from pathlib import Path

import pytest

from app.errors import Unavailable
from app.mail import MailRefusedError, Message, Postbox, open_postbox
from app.settings import Settings
from app.telemetry import Metrics
from tests.support.mailbox import parsed


def message(to: str = "ann@school.test") -> Message:
    return Message(kind="test", to=to, subject="S", text="T\n", html="<p>T</p>")


class Transport:
    """Answers as the test says: one entry a connection or mail; afterwards all is well."""

    def __init__(self) -> None:
        self.refuses_connections = 0
        self.errors: dict[str, list[Exception]] = {}
        self.sent: list[str] = []

    @asynccontextmanager
    async def connected(self) -> AsyncIterator["Transport"]:
        if self.refuses_connections:
            self.refuses_connections -= 1
            raise Unavailable("The mail server does not answer.")
        yield self

    async def send(self, mail: EmailMessage) -> None:
        if errors := self.errors.get(mail["To"]):
            raise errors.pop(0)
        self.sent.append(mail["To"])


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@asynccontextmanager
async def running(transport: Transport, metrics: Metrics, limit: int = 10) -> AsyncIterator[Postbox]:
    postbox = Postbox(transport, metrics, sender="L <l@school.test>", waiting_limit=limit)
    postbox.retry_delays = (0.01, 0.01)
    task = asyncio.create_task(postbox.run())
    try:
        yield postbox
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def counted(metrics: Metrics) -> dict[str, float]:
    return {
        sample.labels["outcome"]: sample.value
        for metric in metrics.mails.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


async def test_what_is_posted_is_sent(transport: Transport, metrics: Metrics) -> None:
    async with running(transport, metrics) as postbox:
        for n in range(5):
            await postbox.post(message(f"user{n}@school.test"))
        await postbox.emptied()
    assert transport.sent == [f"user{n}@school.test" for n in range(5)]
    assert counted(metrics) == {"sent": 5}
    assert metrics.mails_waiting._value.get() == 0


async def test_a_server_that_comes_back_gets_everything_once(transport: Transport, metrics: Metrics) -> None:
    transport.refuses_connections = 2
    async with running(transport, metrics) as postbox:
        for n in range(3):
            await postbox.post(message(f"user{n}@school.test"))
        await postbox.emptied()
    assert sorted(transport.sent) == [f"user{n}@school.test" for n in range(3)]
    assert counted(metrics) == {"sent": 3}


async def test_what_never_leaves_is_given_up_and_told(
    transport: Transport, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    transport.refuses_connections = 3
    async with running(transport, metrics) as postbox:
        await postbox.post(message())
        await postbox.emptied()
        await postbox.post(message("bob@school.test"))
        await postbox.emptied()
    assert transport.sent == ["bob@school.test"]
    assert counted(metrics) == {"failed": 1, "sent": 1}
    assert "given up" in caplog.text
    assert "ann@school.test" not in caplog.text


async def test_one_mailbox_holds_up_no_other(transport: Transport, metrics: Metrics) -> None:
    transport.errors = {
        "ann@school.test": [Unavailable("Come again.")],
        "bob@school.test": [MailRefusedError("No such user.")],
        "eve@school.test": [ValueError("no address")],
    }
    async with running(transport, metrics) as postbox:
        for name in ("ann", "bob", "eve", "zoe"):
            await postbox.post(message(f"{name}@school.test"))
        await postbox.emptied()
    assert transport.sent == ["zoe@school.test", "ann@school.test"]
    assert counted(metrics) == {"sent": 2, "refused": 2}


async def test_a_fault_of_ours_does_not_end_the_sending(
    transport: Transport, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    transport.errors = {"ann@school.test": [ZeroDivisionError(), ZeroDivisionError(), ZeroDivisionError()]}
    async with running(transport, metrics) as postbox:
        await postbox.post(message())
        await postbox.emptied()
        await postbox.post(message("bob@school.test"))
        await postbox.emptied()
    assert transport.sent == ["bob@school.test"]
    assert counted(metrics) == {"failed": 1, "sent": 1}
    assert "ZeroDivisionError" in caplog.text


async def test_a_full_postbox_drops_and_tells(
    transport: Transport, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    postbox = Postbox(transport, metrics, sender="L <l@school.test>", waiting_limit=2)
    for _ in range(3):
        await postbox.post(message())
    assert counted(metrics) == {"dropped": 1}
    assert metrics.mails_waiting._value.get() == 2
    assert "dropped" in caplog.text


async def test_closing_sends_the_rest(tmp_path: Path, metrics: Metrics) -> None:
    async with open_postbox(Settings(home=tmp_path), metrics) as postbox:
        for n in range(20):
            await postbox.post(message(f"user{n:02}@school.test"))
    files = sorted((tmp_path / "mail").iterdir())
    assert [parsed(file.read_bytes()).to for file in files] == [f"user{n:02}@school.test" for n in range(20)]
