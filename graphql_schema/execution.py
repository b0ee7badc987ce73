"""Runs a prepared operation. Today graphql-core's own executor does, called directly; nobody else knows that."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, NamedTuple, TypeGuard

from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
)
from graphql.execution import Executor, default_field_resolver, default_type_resolver
from graphql.execution.values import get_variable_values

from graphql_schema.binding import Attribute
from graphql_schema.documents import PreparedOperation


@dataclass(slots=True)
class Execution:
    """A result before formatting. `began` is False when nothing ran: bad variables."""

    data: dict[str, Any] | None
    errors: list[GraphQLError]
    began: bool = True


class _Leaf(NamedTuple):
    get: Callable[[Any], Any]
    coerce: Callable[[Any], Any]
    required: bool


class _Leaves(dict[str, _Leaf | None]):
    """By field: how to read a scalar or enum that is a plain, unguarded attribute; None for every other field."""

    def __init__(self, parent: GraphQLObjectType) -> None:
        self._parent = parent

    def __missing__(self, name: str) -> _Leaf | None:
        field = self._parent.fields.get(name)
        leaf = None
        if field is not None and isinstance(field.resolve, Attribute):
            kind = get_nullable_type(field.type)
            if is_leaf_type(kind):
                leaf = _Leaf(field.resolve.get, kind.coerce_output_value, is_non_null_type(field.type))
        if field is not None or name.startswith("__"):
            self[name] = leaf
        return leaf


class _Types(dict[GraphQLObjectType, _Leaves]):
    def __missing__(self, parent: GraphQLObjectType) -> _Leaves:
        leaves = self[parent] = _Leaves(parent)
        return leaves


class _Executor(Executor[Any]):
    """graphql-core's, with a short way for objects all of whose selected fields are attributes of leaf types.

    No path, no info, no walk through the kinds of types. Whatever is not ordinary (null where none may be, a value that
    does not coerce, an exception) sends the whole object the long way, which words the error.
    """

    types: _Types

    def execute_fields(
        self, parent_type: GraphQLObjectType, source_value: Any, path: Any, grouped_field_set: Any, *rest: Any
    ) -> Any:
        leaves = self.types[parent_type]
        values = {}
        try:
            for response_name, details in grouped_field_set.items():
                leaf = leaves[details[0].node.name.value]
                if leaf is None:
                    break
                value = leaf.get(source_value)
                if value is not None:
                    value = leaf.coerce(value)
                    if value is None or value is Undefined:
                        break
                elif leaf.required:
                    break
                values[response_name] = value
            else:
                return values
        except Exception:  # noqa: BLE001, S110 - said again, and well, by the long way
            pass
        return super().execute_fields(parent_type, source_value, path, grouped_field_set, *rest)


class Operations:
    """Executes operations of one schema, each within `timeout` seconds."""

    def __init__(self, schema: GraphQLSchema, *, timeout: float, hide_suggestions: bool) -> None:
        self._schema = schema
        self._types = _Types()
        self._timeout = timeout
        self._hide_suggestions = hide_suggestions

    async def execute(
        self, operation: PreparedOperation, *, variables: dict[str, Any], context: Any
    ) -> Execution:
        """Never raises for what a resolver does: its errors are in the result. Subscriptions do not belong here."""
        values = get_variable_values(
            self._schema,
            operation.definition.variable_definitions or (),
            variables,
            max_errors=10,
            hide_suggestions=self._hide_suggestions,
        )
        if isinstance(values, list):
            return Execution(None, values, began=False)
        executor = _Executor(
            self._schema,
            operation.fragment_definitions,
            operation.fragments,
            None,
            context,
            operation.definition,
            values,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=_is_awaitable,
            hide_suggestions=self._hide_suggestions,
        )
        executor.types = self._types
        result: Any = executor.execute_operation()
        if _is_awaitable(result):
            try:
                async with asyncio.timeout(self._timeout) as deadline:
                    result = await result
            except TimeoutError:
                if not deadline.expired():
                    raise
                return Execution(None, [_too_slow(self._timeout)])
        return Execution(result.data, result.errors or [])


def _too_slow(seconds: float) -> GraphQLError:
    return GraphQLError(
        f"The operation took longer than {seconds:g} seconds and was stopped.", extensions={"code": "TIMEOUT"}
    )


class _Kinds(dict[type, bool]):
    def __missing__(self, kind: type) -> bool:
        known = self[kind] = issubclass(kind, CoroutineType) or hasattr(kind, "__await__")
        return known


_kinds = _Kinds()


def _is_awaitable(value: Any) -> TypeGuard[Awaitable[Any]]:
    # graphql-core asks this of every value it completes. The answer depends on the type alone, and types are few.
    return _kinds[type(value)]
