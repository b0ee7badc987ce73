"""Outgoing mail: a port over a folder or an SMTP server, and the letterhead that all mails share.

Domains write their mails with a `Letters` of their own templates; their jobs send them through the `Mailer`.
"""

from app.mail.letters import Letters
from app.mail.mailer import Mailer, Outcome, open_mailer
from app.mail.message import UNREACHABLE, Message
from app.mail.transports import (
    Connection,
    FolderTransport,
    MailDeferredError,
    MailRefusedError,
    SmtpTransport,
    Transport,
    transport_of,
)

__all__ = [
    "UNREACHABLE",
    "Connection",
    "FolderTransport",
    "Letters",
    "MailDeferredError",
    "MailRefusedError",
    "Mailer",
    "Message",
    "Outcome",
    "SmtpTransport",
    "Transport",
    "open_mailer",
    "transport_of",
]
