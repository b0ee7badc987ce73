"""Which addresses are one mailbox, and which only look alike."""

import pytest

from app.identity.addresses import checked_email, email_key
from app.identity.errors import InvalidEmail


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@school.test", "ANN@School.TEST"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ann@bücher.example"),
        ("m\u00fcller@school.test", "mu\u0308ller@school.test"),
        ("MÜLLER@school.test", "müller@school.test"),
    ],
)
def test_one_mailbox(one: str, other: str) -> None:
    assert email_key(checked_email(one)) == email_key(checked_email(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cfo@stra\u00dfe.de", "cfo@strasse.de"),
        ("ann@\u03c3\u03c3.example", "ann@\u03c3\u03c2.example"),
        ("ma\u00df@school.test", "mass@school.test"),
        ("\u017fam@school.test", "sam@school.test"),
        ("\ufb01n@school.test", "fin@school.test"),
        ("\uff41nn@school.test", "ann@school.test"),
        ("ann+a@school.test", "ann@school.test"),
        ("a.nn@school.test", "ann@school.test"),
    ],
)
def test_two_mailboxes(one: str, other: str) -> None:
    assert email_key(one) != email_key(other)


def test_a_name_of_no_network_is_itself() -> None:
    assert email_key("Ann@my_host") == "ann@my_host"


@pytest.mark.parametrize(
    "address",
    ["=?utf-8?q?all=40school.test=2C?=@evil.test", "=?utf-8?q?x=0ABcc=3Aall?=@evil.test", "a=?b@evil.test"],
)
def test_what_mail_programs_read_as_something_else_is_none(address: str) -> None:
    with pytest.raises(InvalidEmail, match="stands in no address"):
        checked_email(address)
