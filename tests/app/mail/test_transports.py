"""A folder, and a real SMTP server."""

import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from pydantic import SecretStr

from app.errors import Unavailable
from app.mail import (
    FolderTransport,
    MailDeferredError,
    MailRefusedError,
    Message,
    SmtpTransport,
    transport_of,
)
from app.settings import MailSettings, Settings
from tests.support.mailbox import parsed
from tests.support.ports import free_port

SENDER = "Lectern <no-reply@school.test>"
MESSAGE = Message(kind="test", to="ann@school.test", subject="Grüße", text="Words.\n", html="<p>Words.</p>")


class Server:
    """What an SMTP server was given, and how it answers."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.connections = 0
        self.answer: Callable[[str], str] = lambda _address: "250 OK"
        self.port = 0

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
        answer = self.answer(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        self.received.append(envelope)
        return "250 OK"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    controller = Controller(server, hostname="127.0.0.1", port=free_port(), auth_required=False)
    controller.start()
    server.port = controller.port
    yield server
    await asyncio.to_thread(controller.stop)


def transport(server: Server) -> SmtpTransport:
    return SmtpTransport(f"smtp://127.0.0.1:{server.port}", timeout=5)


async def send(transport: Any, *messages: Message) -> None:
    connection = await transport.connect()
    for message in messages:
        await connection.send(message.encoded(SENDER))
    await connection.close()


async def test_a_folder_keeps_mails_in_order_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "mail"
    others = [Message("test", f"user{n}@school.test", "S", "T\n", "<p>T</p>") for n in range(5)]
    await send(FolderTransport(folder), *others)
    files = sorted(folder.iterdir())
    assert [parsed(file.read_bytes()).to for file in files] == [message.to for message in others]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*.eml"))]


async def test_a_mail_that_comes_again_is_one_file(tmp_path: Path) -> None:
    again = Message("test", "ann@school.test", "S", "T\n", "<p>T</p>", message_id="n1")
    other = Message("test", "ann@school.test", "S", "T\n", "<p>T</p>", message_id="n2")
    await send(FolderTransport(tmp_path), again, other, again)
    (first, second) = files(tmp_path)
    assert b"Message-ID: <n1@school.test>" in first
    assert b"Message-ID: <n2@school.test>" in second


async def test_a_server_that_closes_is_away(server: Server) -> None:
    server.answer = lambda _address: "421 Closing"
    connection = await transport(server).connect()
    with pytest.raises(Unavailable):
        await connection.send(MESSAGE.encoded(SENDER))
    connection.abandon()


async def test_a_server_gets_what_was_written(server: Server) -> None:
    await send(transport(server), MESSAGE, MESSAGE)
    assert server.connections == 1
    assert [envelope.rcpt_tos for envelope in server.received] == [["ann@school.test"]] * 2
    assert server.received[0].mail_from == "no-reply@school.test"
    mail = parsed(server.received[0].original_content)
    assert (mail.to, mail.subject, mail.text.strip()) == ("ann@school.test", "Grüße", "Words.")


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
async def test_a_name_and_a_password() -> None:
    seen: list[Any] = []

    def authenticate(
        _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss:word")

    server = Server()
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    try:
        await send(
            SmtpTransport(f"smtp://school:p%40ss%3Aword@127.0.0.1:{controller.port}", timeout=5), MESSAGE
        )
        with pytest.raises(Unavailable):
            await send(SmtpTransport(f"smtp://school:wrong@127.0.0.1:{controller.port}", timeout=5), MESSAGE)
    finally:
        await asyncio.to_thread(controller.stop)
    assert seen[0] == (b"school", b"p@ss:word")
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("answer", "error"), [("550 No such user", MailRefusedError), ("450 Come again", MailDeferredError)]
)
async def test_refusals_for_good_and_for_now(server: Server, answer: str, error: type[Exception]) -> None:
    server.answer = lambda address: answer if address.startswith("ann") else "250 OK"
    other = Message("test", "bob@school.test", "S", "T\n", "<p>T</p>")
    connection = await transport(server).connect()
    with pytest.raises(error):
        await connection.send(MESSAGE.encoded(SENDER))
    # The connection goes on.
    await connection.send(other.encoded(SENDER))
    await connection.close()
    assert [envelope.rcpt_tos for envelope in server.received] == [["bob@school.test"]]


async def test_nobody_answers() -> None:
    with pytest.raises(Unavailable):
        await send(SmtpTransport(f"smtp://127.0.0.1:{free_port()}", timeout=5), MESSAGE)


async def test_a_server_that_is_silent_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        with pytest.raises(Unavailable):
            await send(SmtpTransport(f"smtp://127.0.0.1:{port}", timeout=0.2), MESSAGE)
    finally:
        listener.close()


@pytest.mark.parametrize("url", ["http://mail.test", "smtp://", "mail.test:25"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="LECTERN_SMTP_URL"):
        SmtpTransport(url, timeout=5)


def test_which_one(tmp_path: Path) -> None:
    assert isinstance(transport_of(Settings(home=tmp_path)), FolderTransport)
    mail = MailSettings(smtp_url=SecretStr("smtp://mail.test"))
    assert isinstance(transport_of(Settings(home=tmp_path, mail=mail)), SmtpTransport)
