"""How fields are declared: plain attributes, and values computed from the object when they are asked for."""

from collections.abc import Callable
from typing import Any

import strawberry

from graphql_schema.permissions import Policy


def field(*, description: str, policy: Policy | None = None, **options: Any) -> Any:
    """A plain attribute, copied from the row, with a description and, where it differs, a policy of its own."""
    return strawberry.field(description=description, metadata={"policy": policy}, **options)


def computed(resolve: Callable[[Any], Any], *, description: str, policy: Policy | None = None) -> Any:
    """A value made from the object itself; nothing is awaited."""
    return strawberry.field(
        description=description,
        default=None,
        metadata={"policy": policy, "resolve": lambda source, _info: resolve(source)},
    )
