"""Enums of the domains, made part of the schema with a description for each value."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

import strawberry

Values = TypeVar("Values", bound=Enum)


def described(enum: type[Values], description: str, values: Mapping[Values, str]) -> type[Values]:
    """Raises KeyError when a value has no description."""
    strawberry.enum(enum, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[enum(value.value)]
    return enum
