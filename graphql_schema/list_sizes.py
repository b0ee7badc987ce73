"""How many objects a list may hold, as far as the document says; the rest waits for the request's variables.

An estimate is a number, or, when a variable feeds a list size, a sum of products worked out per request.
Estimates share their parts as fragments do, so `evaluate` remembers each part's value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLField,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    VariableNode,
    get_nullable_type,
    is_list_type,
)

CEILING = 1_000_000_000
# Objects in a list whose size nobody states. A field may know better: metadata={"list_size": 5}.
ASSUMED_LIST_SIZE = 25


@dataclass(frozen=True, slots=True)
class SizeVariable:
    """A size that a variable brings: an integer, or a list whose length counts."""

    name: str
    fallback: int


Size = int | SizeVariable


@dataclass(frozen=True, slots=True)
class Sum:
    """constant + every size x (own + parts)."""

    constant: int
    terms: tuple[tuple[Size, int, "Estimate"], ...]


Estimate = int | Sum


class EstimateBuilder:
    """Adds `size x (own + part)`; what is known stays a plain number."""

    __slots__ = ("_constant", "_terms")

    def __init__(self) -> None:
        self._constant = 0
        self._terms: list[tuple[Size, int, Estimate]] = []

    def add(self, size: Size, own: int, part: Estimate) -> None:
        if isinstance(size, int) and isinstance(part, int):
            self._constant = min(CEILING, self._constant + size * (own + part))
        else:
            self._terms.append((size, own, part))

    def build(self) -> Estimate:
        if self._constant == 0 and len(self._terms) == 1 and self._terms[0][:2] == (1, 0):
            # A fragment that only spreads another adds no level: chains stay shallow.
            return self._terms[0][2]
        return Sum(self._constant, tuple(self._terms)) if self._terms else self._constant


def evaluate(estimate: Estimate, variables: Mapping[str, Any]) -> int:
    """The number of objects for these variables, at most CEILING. Values need not be coerced yet."""
    return estimate if isinstance(estimate, int) else _evaluate(estimate, variables, {})


def _evaluate(total: Sum, variables: Mapping[str, Any], known: dict[int, int]) -> int:
    if (value := known.get(id(total))) is not None:
        return value
    value = total.constant
    for size, own, part in total.terms:
        inner = part if isinstance(part, int) else _evaluate(part, variables, known)
        count = size if isinstance(size, int) else _count(variables.get(size.name), size.fallback)
        value = min(CEILING, value + count * (own + inner))
    known[id(total)] = value
    return value


def size_variables(estimate: Estimate) -> frozenset[str]:
    """Names of the variables that feed list sizes."""
    found: set[str] = set()
    seen: set[int] = set()
    stack = [estimate]
    while stack:
        total = stack.pop()
        if isinstance(total, int) or id(total) in seen:
            continue
        seen.add(id(total))
        found.update(size.name for size, _, _ in total.terms if isinstance(size, SizeVariable))
        stack.extend(part for _, _, part in total.terms)
    return frozenset(found)


def size_defaults(operation: OperationDefinitionNode) -> dict[str, int]:
    """Default values of an operation's variables, as list sizes."""
    return {
        variable.variable.name.value: _literal(variable.default_value)
        for variable in operation.variable_definitions or ()
        if variable.default_value is not None
    }


def list_size(definition: GraphQLField, node: FieldNode) -> Size:
    """Objects that a list field returns: its `first`, its list argument's length, or what the field declares."""
    first = definition.args.get("first")
    fallback = _count(first.default_value if first is not None else None, _declared_size(definition))
    arguments = {argument.name.value: argument for argument in node.arguments or ()}
    for name, declaration in definition.args.items():
        sizes_the_list = name in {"first", "last"} or is_list_type(get_nullable_type(declaration.type))
        if sizes_the_list and (argument := arguments.get(name)) is not None:
            return _argument_size(argument, fallback)
    return fallback


def _declared_size(definition: GraphQLField) -> int:
    declaration = definition.extensions.get("strawberry-definition")
    metadata = getattr(declaration, "metadata", None) or {}
    return int(metadata.get("list_size", ASSUMED_LIST_SIZE))


def _argument_size(argument: ArgumentNode, fallback: int) -> Size:
    value = argument.value
    if isinstance(value, VariableNode):
        return SizeVariable(value.name.value, fallback)
    return fallback if isinstance(value, NullValueNode) else _literal(value)


def _literal(value: Any) -> int:
    if isinstance(value, ListValueNode):
        return len(value.values)
    if isinstance(value, IntValueNode):
        # Longer than any valid Int: do not even convert it.
        return _count(int(value.value), 1) if len(value.value) < 12 else CEILING
    return 1


def _count(value: Any, fallback: int) -> int:
    if isinstance(value, list | tuple):
        return len(value)
    if isinstance(value, int | float):
        return int(max(0, min(CEILING, value)))
    # Absent, or of a type that coercion refuses or turns into a list of one.
    return fallback
