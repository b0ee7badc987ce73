"""Custom scalars, each with the address of its specification."""

import re
from datetime import datetime
from typing import Final

import strawberry
from graphql import GraphQLError

_SPECIFICATION = "https://scalars.graphql.org/andimarek/date-time.html"
# Python reads much that is no RFC 3339: other digits, weeks, any character between date and time, seconds of an offset.
_RFC_3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
).fullmatch


def instant_of(text: str) -> datetime | None:
    """An RFC 3339 date and time, to the microsecond; None for anything else, also for a leap second."""
    if _RFC_3339(text) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _parse(value: object) -> datetime:
    instant = instant_of(value) if isinstance(value, str) else None
    if instant is None:
        raise GraphQLError(
            "A DateTime is an RFC 3339 date and time with an offset, such as 2030-01-31T12:00:00Z."
        )
    return instant


DateTime = strawberry.scalar(
    name="DateTime",
    description="An instant, RFC 3339 with an offset: 2030-01-31T12:00:00+00:00.",
    specified_by_url=_SPECIFICATION,
    serialize=datetime.isoformat,
    parse_value=_parse,
)
