"""What carries mails: a folder on this machine, or an SMTP server."""

import asyncio
import hashlib
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from app.errors import Unavailable
from app.settings import MailSettings, Settings

_PORTS = {"smtp": 25, "smtps": 465}
_PERMANENT = range(500, 600)
_CLOSING = 421  # the server's word for "another time, and not on this connection"
_GOODBYE = 2.0  # seconds


class MailRefusedError(Exception):
    """The server will never take this mail: trying again is of no use."""


class MailDeferredError(Exception):
    """The server asks to bring this mail again later; others it takes."""


class Connection(Protocol):
    """A way out for one mail after another."""

    async def send(self, message: EmailMessage) -> None:
        """Raises MailRefusedError, MailDeferredError; Unavailable when the connection is of no more use."""

    async def alive(self) -> bool:
        """Whether the other side still listens."""

    async def close(self) -> None:
        """In peace."""

    def abandon(self) -> None:
        """At once, in whatever state it is."""


class Transport(Protocol):
    async def connect(self) -> Connection:
        """Raises Unavailable."""


class FolderTransport:
    """Mails as files, in the order of their sending: for development, and to look at. A mail that comes again is one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def connect(self) -> "FolderTransport":
        return self

    async def send(self, message: EmailMessage) -> None:
        digest = hashlib.sha256(message["Message-ID"].encode()).hexdigest()[:16]
        await asyncio.to_thread(self._write, digest, message.as_bytes())

    async def alive(self) -> bool:
        return True

    async def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass

    def _write(self, digest: str, content: bytes) -> None:
        # Mails hold links that open accounts: for the owner of the folder alone.
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(self._folder.glob(f"*-{digest}.eml")):
            return
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{digest}.eml"
        partial = self._folder / f".{name}"
        partial.touch(mode=0o600)
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

    async def connect(self) -> "SmtpConnection":
        client = aiosmtplib.SMTP(**self._options)  # type: ignore[arg-type]
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise Unavailable(f"The mail server does not answer: {error}") from error
        except BaseException:
            client.close()
            raise
        return SmtpConnection(client)


class SmtpConnection:
    """One that is greeted and signed in."""

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

    async def alive(self) -> bool:
        try:
            await self._client.noop()
        except (aiosmtplib.SMTPException, OSError):
            return False
        return True

    async def close(self) -> None:
        with suppress(aiosmtplib.SMTPException, OSError):
            await self._client.quit(timeout=_GOODBYE)
        self._client.close()

    def abandon(self) -> None:
        self._client.close()


def transport_of(settings: Settings) -> Transport:
    """The server that the settings name, else the folder `mail` in the home. Raises ValueError for another address."""
    mail: MailSettings = settings.mail
    url = mail.smtp_url.get_secret_value()
    if url:
        return SmtpTransport(url, timeout=mail.mail_timeout)
    return FolderTransport(settings.home.expanduser().absolute() / "mail")


def _judged(code: int, error: Exception) -> Exception:
    # A refusal for good has a code of 500 and more; 4xx asks to come again.
    if code in _PERMANENT:
        return MailRefusedError(str(error))
    return (Unavailable if code == _CLOSING else MailDeferredError)(str(error))
