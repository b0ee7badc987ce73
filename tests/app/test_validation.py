"""Checks of what people type."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import DomainError, ErrorCode
from app.validation import checked_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        ("  a b  ", "a b"),
        ("\u2003a\u00a0", "a"),
        ("🦊", "🦊"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
        ("مرحبا", "مرحبا"),
        ("a\u202eb", "a\u202eb"),
        ("e\u0301", "e\u0301"),
        ("x" * 10, "x" * 10),
        (f"  {'x' * 10}\n", "x" * 10),
        ("<b>", "<b>"),
    ],
)
def test_texts(value: str, text: str) -> None:
    assert checked_text(value, "input", "name", maximum=10) == text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x" * 11, "At most 10 characters."),
        ("🦊" * 11, "At most 10 characters."),
        *(
            (f"a{chr(code)}b", "Control characters are not allowed.")
            for code in (*range(32), *range(127, 160))
        ),
        ("a\ud800b", "Control characters are not allowed."),
        ("\udfff", "Control characters are not allowed."),
    ],
)
def test_texts_that_are_refused(value: str, message: str) -> None:
    with pytest.raises(DomainError) as caught:
        checked_text(value, "input", "name", maximum=10)
    assert caught.value.message == message
    assert caught.value.code is ErrorCode.INVALID_INPUT
    assert caught.value.path == ("input", "name")


@pytest.mark.parametrize(
    ("value", "minimum", "message"),
    [
        ("", 1, "This may not be empty."),
        (" \n\t ", 1, "This may not be empty."),
        ("ab", 3, "At least 3 characters."),
        ("  ab  ", 3, "At least 3 characters."),
    ],
)
def test_texts_that_are_too_short(value: str, minimum: int, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        checked_text(value, "name", minimum=minimum, maximum=10)


def test_breaks_belong_into_long_texts_only() -> None:
    assert checked_text(" a\r\n\tb\n", maximum=10, breaks=True) == "a\r\n\tb"
    for value in ("a\0b", "a\x0bb", "a\x0cb", "a\x85b", "a\x1bb"):
        with pytest.raises(DomainError, match="Control characters"):
            checked_text(value, maximum=10, breaks=True)
    for value in ("a\nb", "a\rb", "a\tb"):
        with pytest.raises(DomainError, match="Control characters"):
            checked_text(value, maximum=10)


def test_large_limits_are_easy_to_read() -> None:
    with pytest.raises(DomainError, match="At most 10,000 characters"):
        checked_text("x" * 10_001, maximum=10_000)


@given(st.text(alphabet=st.characters(), max_size=20), st.booleans())
def test_what_passes_can_be_stored(value: str, breaks: bool) -> None:
    try:
        text = checked_text(value, maximum=15, breaks=breaks)
    except DomainError:
        return
    assert text == text.strip()
    assert len(text) <= 15
    assert not {unicodedata.category(character) for character in set(text) - set("\n\r\t")} & {"Cc", "Cs"}
    assert breaks or not set(text) & set("\n\r\t")
    assert text.encode().decode() == text
