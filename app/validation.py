"""Checks of what people type, the same for every domain."""

import unicodedata

from app.errors import DomainError

# Line breaks and tabs belong into long texts only; the other control characters nowhere (and NUL breaks PostgreSQL).
_BREAKS = frozenset("\n\r\t")
# Letters, symbols and marks that are drawn as nothing: fillers of Hangul, a cell of Braille without dots, variation
# selectors. What else is invisible is a space or a format character.
_NOTHING = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0") | frozenset(
    map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)


def checked_text(value: str, *path: str, minimum: int = 0, maximum: int, breaks: bool = False) -> str:
    """The text without surrounding space.

    Raises INVALID_INPUT at `path` for a wrong length (in characters), for control characters, and where there has to be
    something, for a text of which nothing shows.
    """
    text = value.strip()
    if any(
        unicodedata.category(character) in ("Cc", "Cs") and not (breaks and character in _BREAKS)
        for character in text
    ):
        raise DomainError("Control characters are not allowed.", path=path)
    if minimum and not any(map(_shows, text)):
        raise DomainError("This may not be empty.", path=path)
    if len(text) < minimum:
        raise DomainError(f"At least {minimum} characters.", path=path)
    if len(text) > maximum:
        raise DomainError(f"At most {maximum:,} characters.", path=path)
    return text


def _shows(character: str) -> bool:
    return not (character.isspace() or character in _NOTHING or unicodedata.category(character) == "Cf")
