"""Every mail that there is, in both versions, with hostile values."""

from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from app.mail import Letters
from tests.architecture.source_tree import ROOT

MAILS = Letters("app.identity", "mails")
KINDS = sorted(path.stem for path in (ROOT / "app/identity/mails").glob("*.txt"))
LINK = "https://school.test/account/reset-password#token=abc"
VALUES: dict[str, Any] = {"link": LINK, "hours": 1}


def test_there_are_mails() -> None:
    assert KINDS
    assert sorted(path.stem for path in Path(ROOT / "app/identity/mails").glob("*.html")) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_both_versions_say_the_same(kind: str) -> None:
    mail = MAILS.write(kind, to="ann@school.test", **VALUES)
    assert (mail.to, mail.kind) == ("ann@school.test", kind)
    assert 5 < len(mail.subject) < 60
    assert LINK in mail.text
    assert f'href="{LINK}"' in mail.html
    assert "<h1" in mail.html
    assert mail.subject in mail.html
    for sentence in mail.text.split("\n\n"):
        words = sentence.strip().rstrip(":.").partition(":")[0]
        assert words.rstrip(".") in mail.html or words.startswith("https")
    assert not any(mark in mail.text + mail.html for mark in ("{{", "{%", "None"))


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_escaped(kind: str) -> None:
    mail = MAILS.write(kind, to="ann@school.test", link='"><script>alert(1)</script>', hours=2)
    assert "<script>" not in mail.html


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        MAILS.write("verify_email", to="ann@school.test", link="x")
