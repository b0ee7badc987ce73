"""Language tags by the grammar of RFC 5646 (BCP 47). Which of their parts are registered changes too often to check."""

import re
from typing import Final

from app.errors import DomainError

LIMIT: Final = 60
"""Characters. The RFC asks for room for 35, which no tag of a language and its place comes near; extensions are longer."""
_PRIVATE = r"x(?:-[a-z0-9]{1,8})+"
# No language of four letters or more has ever been registered, and names such as "English" are a mistake: the grammar's
# four to eight letters are left out.
_TAG = re.compile(
    r"[a-z]{2,3}(?:-[a-z]{3}){0,3}"  # language, extended
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"  # script, region
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
    r"(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*"  # extensions
    rf"(?:-{_PRIVATE})?"
    rf"|{_PRIVATE}"
    # Grandfathered, those of another shape.
    r"|en-gb-oed|sgn-(?:be-fr|be-nl|ch-de)"
    r"|i-(?:ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)"
)


def checked_language(value: str, *path: str) -> str:
    """The tag in lower case: case means nothing in it. Raises INVALID_INPUT."""
    language = value.strip().lower()
    if len(language) > LIMIT or not _TAG.fullmatch(language):
        raise DomainError("A language is a tag such as en, pt-BR or zh-Hans.", path=path)
    return language
