"""The mails that were sent, as files of the folder that development uses."""

import re
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from app.resources import Resources
from tests.support.jobs import run_waiting_jobs


@dataclass(frozen=True)
class Mail:
    to: str
    subject: str
    text: str
    html: str
    headers: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def token(self) -> str:
        """Of the link, the same in both versions."""
        tokens = set(re.findall(r"#token=([\w-]+)", self.text))
        assert tokens == set(re.findall(r"#token=([\w-]+)", self.html))
        assert len(tokens) == 1
        return str(tokens.pop())


async def mails(resources: Resources) -> list[Mail]:
    """All since the last look, in order, once the jobs that send them have run."""
    await run_waiting_jobs(resources)
    found = []
    for path in sorted(folder(resources).glob("*.eml")):
        found.append(parsed(path.read_bytes()))
        path.unlink()
    return found


def discard_mails(resources: Resources) -> None:
    """Leaves the next test an empty folder."""
    for path in folder(resources).glob("*.eml"):
        path.unlink()


def folder(resources: Resources) -> Path:
    return resources.settings.home / "mail"


def parsed(content: bytes) -> Mail:
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    headers = {name: str(value) for name, value in message.items()}
    return Mail(str(message["To"]), str(message["Subject"]), text.get_content(), html.get_content(), headers)
