from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import compat32, default

import pytest
from aiosmtplib.email import flatten_message

from app.mail import Message
from tests.support.mailbox import parsed

SENDER = "Lectern <no-reply@school.test>"


def message(to: str = "ann@school.test", subject: str = "A subject") -> Message:
    return Message(kind="test", to=to, subject=subject, text="Wörter.\n", html="<p>Wörter.</p>")


def test_it_reads_back_as_it_was_written() -> None:
    read = message_from_bytes(message(subject="Grüße").encoded(SENDER).as_bytes(), policy=default)
    assert (read["From"], read["To"], read["Subject"]) == (SENDER, "ann@school.test", "Grüße")
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["Message-ID"].endswith("@school.test>")
    assert read["Date"].datetime is not None
    assert [part.get_content_type() for part in read.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    assert parsed(message().encoded(SENDER).as_bytes()).text.strip() == "Wörter."


def test_links_stay_whole() -> None:
    link = f"https://school.test/account#token={'x' * 43}"
    plain = Message("test", "a@school.test", "S", f"{link}\n", f'<a href="{link}">A</a>')
    assert plain.encoded(SENDER).as_bytes().count(link.encode()) == 2


def test_long_headers_stay_whole() -> None:
    link = f"<https://school.test/notifications/unsubscribe?token={'x' * 200}>"
    one = replace(message(), headers={"List-Unsubscribe": link}, message_id="m" * 90)
    # As a folder writes it, and as SMTP does.
    for content in (one.encoded(SENDER).as_bytes(), flatten_message(one.encoded(SENDER))):
        assert f"\r\nList-Unsubscribe: {link}\r\n".encode() in content
        assert f"\r\nMessage-ID: <{'m' * 90}@school.test>\r\n".encode() in content
        assert message_from_bytes(content, policy=default)["List-Unsubscribe"] == link


@pytest.mark.parametrize("value", ["a\r\nBcc: b@c.test", "a\nb", "\x00", "ä", "x" * 1000])
def test_no_header_holds_anything(value: str) -> None:
    with pytest.raises(ValueError, match="header X-Test"):
        replace(message(), headers={"X-Test": value}).encoded(SENDER)


def test_ids_differ() -> None:
    assert message().encoded(SENDER)["Message-ID"] != message().encoded(SENDER)["Message-ID"]


def test_addresses_of_the_world() -> None:
    read = message_from_bytes(message(to="žofie@škola.test").encoded(SENDER).as_bytes(), policy=default)
    assert read["To"] == "žofie@škola.test"


@pytest.mark.parametrize(
    "subject",
    [
        "You teach =?utf-8?q?x=0ABcc:all=40school.test?=",
        "=?utf-8?b?eA0KQmNjOiBhbGxAc2Nob29sLnRlc3Q=?=",
        "=?utf-8?q?x=0D=0A=0D=0A=3Cb=3EAnother_body?=",
        "Für =?utf-8?q?x=0ABcc:all?= Ännchen",
        "=? ?=",
        "T" * 300,
        "Wörter " * 60,
        "\u202eab",
    ],
)
def test_a_subject_is_words_and_nothing_else(subject: str) -> None:
    one = message(subject=subject)
    for content in (one.encoded(SENDER).as_bytes(), flatten_message(one.encoded(SENDER))):
        head, _, _ = content.partition(b"\r\n\r\n")
        names = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] != b" "]
        assert names == [
            *(b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted"),
            *(b"MIME-Version", b"Content-Type"),
        ]
        assert b"\n" not in head.replace(b"\r\n", b"")
        words = decode_header(message_from_bytes(content, policy=compat32)["Subject"])
        assert str(make_header(words)) == subject


@pytest.mark.parametrize(
    "bad",
    [
        message(to="a@b.test\r\nBcc: all@school.test"),
        message(to="=?utf-8?q?all=40school.test=2C?=@b.test"),
        message(to="=?utf-8?q?x=0ABcc=3Aall?=@b.test"),
        message(subject="A\r\nBcc: all@school.test"),
        message(subject="A\u2028Bcc: all@school.test"),
    ],
)
def test_nothing_is_smuggled_into_the_head(bad: Message) -> None:
    with pytest.raises(ValueError, match=r"linefeed|CR or LF|header|encoded word"):
        bad.encoded(SENDER)
