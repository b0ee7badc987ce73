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
        *(
            (f" {blank}\u00a0{blank}", 1, "This may not be empty.")
            for blank in "\u00ad\u034f\u115f\u1160\u17b4\u180e\u200b\u2800\u3164\ufe0f\ufeff\uffa0"
        ),
        ("\u3164\u3164\u3164", 3, "This may not be empty."),
        ("ab", 3, "At least 3 characters."),
        ("  ab  ", 3, "At least 3 characters."),
    ],
)
def test_texts_that_are_too_short(value: str, minimum: int, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        checked_text(value, "name", minimum=minimum, maximum=10)


@pytest.mark.parametrize(
    "text",
    ["a\u3164", "한\u115f", "\u2801", "❤\ufe0f", "a\u200bb", "\u0663", "\U000323b0", "\u3164", "\u200b"],
)
def test_what_shows_may_stand_beside_what_does_not(text: str) -> None:
    assert checked_text(text, maximum=10) == text
    assert checked_text(f"{text}!", minimum=1, maximum=10) == f"{text}!"


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
