"""Runs a prepared operation. Today graphql-core's own executor does, called directly; nobody else knows that."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, TypeGuard

from graphql import GraphQLError, GraphQLSchema
from graphql.execution import Executor, default_field_resolver, default_type_resolver
from graphql.execution.values import get_variable_values

from graphql_schema.documents import PreparedOperation


@dataclass(slots=True)
class Execution:
    """A result before formatting. `began` is False when nothing ran: bad variables."""

    data: dict[str, Any] | None
    errors: list[GraphQLError]
    began: bool = True


class Operations:
    """Executes operations of one schema, each within `timeout` seconds."""

    def __init__(self, schema: GraphQLSchema, *, timeout: float, hide_suggestions: bool) -> None:
        self._schema = schema
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
        executor = Executor[Any](
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
