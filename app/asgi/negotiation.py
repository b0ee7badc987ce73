"""Content negotiation of GraphQL over HTTP: which of the two response types, and whether a body is JSON in UTF-8."""

from functools import lru_cache
from typing import Final

GRAPHQL_RESPONSE: Final = b"application/graphql-response+json"
JSON: Final = b"application/json"

# Headers longer than any client's are not worth remembering, and remembering them would cost memory.
_LONGEST_KNOWN = 300


def response_type(accept: bytes | None) -> bytes | None:
    """The media type to answer with; None when the client takes neither.

    `application/json` is for clients that do not know the newer type: also for `*/*` and for no header at all.
    """
    if accept is None:
        return JSON
    return _known(accept) if len(accept) <= _LONGEST_KNOWN else _choose(accept)


def _choose(accept: bytes) -> bytes | None:
    explicit: dict[str, float] = {}
    for entry in accept.decode("latin-1").lower().split(","):
        media_range, *parameters = (part.strip() for part in entry.split(";"))
        if media_range:
            explicit[media_range] = max(_quality(parameters), explicit.get(media_range, 0.0))
    modern, legacy = (_preference(name.decode(), explicit) for name in (GRAPHQL_RESPONSE, JSON))
    if modern > 0 and (modern > legacy or (modern == legacy and GRAPHQL_RESPONSE.decode() in explicit)):
        return GRAPHQL_RESPONSE
    return JSON if legacy > 0 else None


_known = lru_cache(maxsize=256)(_choose)


def _preference(name: str, explicit: dict[str, float]) -> float:
    for media_range in (name, "application/*", "*/*"):
        if media_range in explicit:
            return explicit[media_range]
    return 0.0


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0 <= quality <= 1 else 0.0
        if name.strip() == "charset" and value.strip().strip('"') not in {"utf-8", "utf8"}:
            return 0.0
    return 1.0


@lru_cache(maxsize=256)
def _in_utf8(content_type: bytes, expected: str) -> bool:
    media_type, *parameters = (part.strip() for part in content_type.decode("latin-1").lower().split(";"))
    charsets = [
        value.strip().strip('"')
        for name, _, value in (p.partition("=") for p in parameters)
        if name.strip() == "charset"
    ]
    return media_type == expected and all(charset in {"utf-8", "utf8"} for charset in charsets)


def is_json(content_type: bytes | None) -> bool:
    """Whether a body of this type may be read: `application/json`, in UTF-8 if it says so."""
    return is_in_utf8(content_type, JSON.decode())


def is_in_utf8(content_type: bytes | None, expected: str) -> bool:
    """Whether it is the expected media type, in UTF-8 if it says so."""
    return (
        content_type is not None and len(content_type) <= _LONGEST_KNOWN and _in_utf8(content_type, expected)
    )
