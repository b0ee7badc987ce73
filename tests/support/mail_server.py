"""A real SMTP server."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller

from tests.support.ports import free_port


class Server:
    """Takes every mail and keeps it, once `answers` to recipients are used up."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.answers: list[str] = []

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if self.answers:
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        self.received.append(envelope)
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[tuple[str, Server]]:
    """Its address, and what it gets."""
    server = Server()
    controller = Controller(server, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}", server
    finally:
        controller.stop()
