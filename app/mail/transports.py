"""What carries mails: a folder on this machine, or an SMTP server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import aiosmtplib

from app.errors import Unavailable
from app.settings import MailSettings, Settings

_PORTS = {"smtp": 25, "smtps": 465}
_PERMANENT = range(500, 600)


class MailRefusedError(Exception):
    """The server will never take this mail: trying again is of no use."""


class Sender(Protocol):
    async def send(self, message: EmailMessage) -> None:
        """Raises Unavailable where another try may succeed, else MailRefusedError."""


class Transport(Protocol):
    def connected(self) -> AbstractAsyncContextManager[Sender]:
        """A way out for as many mails as there are just now. Raises Unavailable."""


class FolderTransport:
    """Mails as files, one each, in the order of their sending: for development, and to look at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Sender]:
        yield self

    async def send(self, message: EmailMessage) -> None:
        await asyncio.to_thread(self._write, message.as_bytes())

    def _write(self, content: bytes) -> None:
        # Mails hold links that open accounts: for the owner of the folder alone.
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{uuid4().hex[:8]}.eml"
        partial = self._folder / f".{name}"
        partial.touch(mode=0o600, exist_ok=False)
        partial.write_bytes(content)
        partial.rename(self._folder / name)


class SmtpTransport:
    """smtp://user:password@host:port, encrypted as soon as the server offers it; smtps:// from the first byte."""

    def __init__(self, url: str, *, timeout: float) -> None:
        address = urlsplit(url)
        if address.scheme not in _PORTS or not address.hostname:
            raise ValueError(
                "LECTERN_SMTP_URL must be smtp://host or smtps://host, with user:password@ if needed"
            )
        self._options = {
            "hostname": address.hostname,
            "port": address.port or _PORTS[address.scheme],
            "username": unquote(address.username) if address.username else None,
            "password": unquote(address.password) if address.password else None,
            "use_tls": address.scheme == "smtps",
            "timeout": timeout,
        }

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Sender]:
        client = aiosmtplib.SMTP(**self._options)  # type: ignore[arg-type]
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise Unavailable(f"The mail server does not answer: {error}") from error
        try:
            yield _SmtpSender(client)
        finally:
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit()
            client.close()


class _SmtpSender:
    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    async def send(self, message: EmailMessage) -> None:
        try:
            await self._client.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = {refused.code for refused in error.recipients}
            raise _judged(min(codes, default=0), error) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _judged(error.code, error) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise MailRefusedError(str(error)) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unavailable(f"The mail server does not answer: {error}") from error


def transport_of(settings: Settings) -> Transport:
    """The server that the settings name, else the folder `mail` in the home. Raises ValueError for another address."""
    mail: MailSettings = settings.mail
    url = mail.smtp_url.get_secret_value()
    if url:
        return SmtpTransport(url, timeout=mail.mail_timeout)
    return FolderTransport(settings.home.expanduser().absolute() / "mail")


def _judged(code: int, error: Exception) -> Exception:
    # A refusal for good has a code of 500 and more; 4xx asks to come again.
    return MailRefusedError(str(error)) if code in _PERMANENT else Unavailable(str(error))
