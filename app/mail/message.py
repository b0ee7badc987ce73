"""A mail, before it is given to whatever carries it."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.utils import formatdate, make_msgid
from typing import Self

_LONGEST_LINE = 998
_SHORT = 66  # characters: "Subject: " before them, the line has no more than 76
ENCODED_WORD = "=?"
"""Begins an encoded word (RFC 2047). The library decodes those of whatever it is given, and so writes line breaks, and
further headers, that are in no text: nobody's words go to it as they are.
"""
UNREACHABLE = ".invalid"
"""How an address ends that is nobody's and never will be (RFC 2606): of imports, of people known by a number alone."""


@dataclass(frozen=True, slots=True)
class Message:
    """To one address. The same words as text and as HTML; clients choose."""

    kind: str
    """For logs and metrics: which mail it is, never to whom."""
    to: str
    subject: str
    text: str
    html: str
    message_id: str | None = None
    """Without the domain, a word of ASCII. Of a mail that may have to be sent again it is the same each time, so that
    mailboxes keep one of them; none: of chance.
    """
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self, sender: str) -> EmailMessage:
        """As RFC 5322 has it, with an id and a date of now. Raises ValueError for an address or subject that is none."""
        if ENCODED_WORD in self.to:
            raise ValueError("the address looks like an encoded word")
        message = EmailMessage(policy=SMTP if self.to.isascii() else SMTPUTF8)
        message["From"] = sender
        message["To"] = self.to
        message["Subject"] = _Subject(self.subject)
        message["Date"] = formatdate(usegmt=True)
        domain = sender.rpartition("@")[2].strip(" >") or None
        message["Message-ID"] = (
            f"<{self.message_id}@{domain}>" if self.message_id else make_msgid(domain=domain)
        )
        # So that no holiday notice answers a machine.
        message["Auto-Submitted"] = "auto-generated"
        for name, value in self.headers.items():
            message[name] = _WholeHeader(name, value)
        message.set_content(self.text, cte=_transfer_encoding(self.text))
        message.add_alternative(self.html, subtype="html", cte=_transfer_encoding(self.html))
        return message


class _WholeHeader(str):
    """Written as it is. Longer than 78 characters, the library would write a link as encoded words, and no mail program
    would follow it.
    """

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str, value: str) -> Self:
        """Raises ValueError for what a header cannot hold."""
        if not (value.isascii() and value.isprintable() and len(name) + 2 + len(value) <= _LONGEST_LINE):
            raise ValueError(f"the header {name} holds what it cannot hold")
        header = super().__new__(cls, value)
        header.name = name
        return header

    def fold(self, *, policy: EmailPolicy) -> str:
        """As the library asks its own headers."""
        return f"{self.name}: {self}{policy.linesep}"


class _Subject(str):
    """Any words, read back as they are."""

    __slots__ = ()
    name = "Subject"

    def __new__(cls, value: str) -> Self:
        """Raises ValueError for control characters and line breaks."""
        if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in value):
            raise ValueError("the header Subject holds what it cannot hold")
        return super().__new__(cls, value)

    def fold(self, *, policy: EmailPolicy) -> str:
        """As the library asks its own headers."""
        # Long words cannot be broken as they are.
        plain = self.isascii() and ENCODED_WORD not in self and len(self) <= _SHORT
        charset = "us-ascii" if plain else "utf-8"
        words = Header(str(self), charset, header_name=self.name).encode(linesep=policy.linesep)
        return f"{self.name}: {words}{policy.linesep}"


def _transfer_encoding(text: str) -> str:
    # As it is wherever RFC 5322 lets it be: links stay whole for whoever looks at a mail's file.
    plain = text.isascii() and max(map(len, text.splitlines()), default=0) <= _LONGEST_LINE
    return "7bit" if plain else "quoted-printable"
