"""Custom scalars, each with the address of its specification."""

from datetime import datetime

import strawberry
from graphql import GraphQLError

_SPECIFICATION = "https://scalars.graphql.org/andimarek/date-time.html"


def _parse(value: object) -> datetime:
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
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
