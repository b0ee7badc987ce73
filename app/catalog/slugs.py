"""Slugs: made from a title once, readable, ASCII, unique."""

import secrets
from collections.abc import Iterator

from slugify import slugify

_LENGTH = 80


def slug_of(title: str) -> str:
    """The plain slug of a title; "course" where nothing of it can be spelled in ASCII."""
    return str(slugify(title, max_length=_LENGTH, word_boundary=True)) or "course"


def candidates(title: str) -> Iterator[str]:
    """Slugs to try in turn until one is free: plain, numbered, then with a random end that is free for sure."""
    plain = slug_of(title)
    yield plain
    yield from (f"{plain}-{number}" for number in range(2, 6))
    while True:
        yield f"{plain}-{secrets.token_hex(4)}"
