from email.message import EmailMessage

import pytest

from app.storage.disposition import disposition

HOSTILE = [
    'a"b.pdf',
    "a\r\nSet-Cookie: x=y.pdf",
    "../../etc/passwd",
    "a\u202efdp.exe",
    "..",
    " ",
    "",
    "a/b\\c.pdf",
]


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/pdf", "inline"),
        ("image/png", "inline"),
        ("video/mp4", "inline"),
        ("text/html", "attachment"),
        ("image/svg+xml", "attachment"),
        ("text/plain", "attachment"),
        ("application/octet-stream", "attachment"),
    ],
)
def test_what_can_run_nothing_is_shown(content_type: str, expected: str) -> None:
    assert disposition(content_type, None) == expected


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_out(name: str) -> None:
    header = disposition("application/pdf", name)
    assert header.isascii()
    assert header.isprintable()
    read = EmailMessage()
    read["Content-Disposition"] = header
    found = read.get_filename()
    assert found
    assert not set(found) & set('/\\"\r\n\u202e')
    assert found not in {".", ".."}


def test_names_of_the_world() -> None:
    header = disposition("application/pdf", "Zeugnis für 学生.pdf")
    assert header == (
        "attachment; filename=\"Zeugnis f_r __.pdf\"; filename*=UTF-8''Zeugnis%20f%C3%BCr%20%E5%AD%A6%E7%94%9F.pdf"
    )
    assert len(disposition("application/pdf", "ä" * 1000)) < 1200
