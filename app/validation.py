"""Checks of what people type, the same for every domain."""

import unicodedata

from app.errors import DomainError

# Line breaks and tabs belong into long texts only; the other control characters nowhere (and NUL breaks PostgreSQL).
_BREAKS = frozenset("\n\r\t")


def checked_text(value: str, *path: str, minimum: int = 0, maximum: int, breaks: bool = False) -> str:
    """The text without surrounding space.

    Raises INVALID_INPUT at `path` for a wrong length (in characters) or control characters.
    """
    text = value.strip()
    if any(
        unicodedata.category(character) in ("Cc", "Cs") and not (breaks and character in _BREAKS)
        for character in text
    ):
        raise DomainError("Control characters are not allowed.", path=path)
    if len(text) < minimum:
        raise DomainError(
            "This may not be empty." if minimum == 1 else f"At least {minimum} characters.", path=path
        )
    if len(text) > maximum:
        raise DomainError(f"At most {maximum:,} characters.", path=path)
    return text
