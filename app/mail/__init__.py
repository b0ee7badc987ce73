"""Outgoing mail: a port over a folder or an SMTP server, and the letterhead that all mails share.

Domains write their mails with a `Letters` of their own templates and hand them to the `Postbox` after their commit.
"""

from app.mail.letters import Letters
from app.mail.message import Message
from app.mail.postbox import Postbox, open_postbox
from app.mail.transports import FolderTransport, MailRefusedError, SmtpTransport, Transport, transport_of

__all__ = [
    "FolderTransport",
    "Letters",
    "MailRefusedError",
    "Message",
    "Postbox",
    "SmtpTransport",
    "Transport",
    "open_postbox",
    "transport_of",
]
