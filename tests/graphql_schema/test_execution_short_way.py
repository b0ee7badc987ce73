"""The short way for plain attributes must answer exactly as graphql-core's own executor does, errors included."""

import json
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, execute, parse

from app.settings import GraphQLSettings
from app.telemetry import Metrics
from graphql_schema.binding import bind
from graphql_schema.documents import Documents
from graphql_schema.execution import Operations
from graphql_schema.fields import computed, field
from graphql_schema.permissions import ADMINISTRATOR, PUBLIC, policy


@strawberry.enum
class Kind(StrEnum):
    ROUND = "round"
    FLAT = "flat"


@strawberry.type
@policy(PUBLIC)
class Item:
    label: str = field(description="required")
    size: int = field(description="required")
    note: str | None = field(description="may be null")
    kind: Kind | None = field(description="may be null")
    shout: str | None = computed(lambda item: item.label.upper(), description="not an attribute")
    secret: str | None = field(description="guarded", policy=ADMINISTRATOR)


ITEMS: dict[str, dict[str, Any]] = {
    "good": {"label": "a", "size": 1, "note": None, "kind": "round"},
    "enum member": {"label": "a", "size": 1, "note": "n", "kind": Kind.FLAT},
    "null where none may be": {"label": None, "size": 1, "note": None, "kind": None},
    "too large": {"label": "a", "size": 2**40, "note": None, "kind": None},
    "not a number": {"label": "a", "size": "many", "note": None, "kind": None},
    "no such value": {"label": "a", "size": 1, "note": None, "kind": "square"},
    "attribute missing": {"label": "a", "note": None, "kind": None},
    "a list for a text": {"label": ["a"], "size": 1, "note": None, "kind": None},
    "a number for a text": {"label": 7, "size": True, "note": 1.5, "kind": None},
}
SELECTIONS = [
    "label size note kind",
    "a: label b: label label",
    "__typename label",
    "...F ... on Item { size @skip(if: true) note @include(if: $yes) }",
    "label shout",
    "label secret",
]


def _schema(item: dict[str, Any]) -> Any:
    @strawberry.type
    class Query:
        @strawberry.field(  # type: ignore[untyped-decorator]
            metadata={"policy": PUBLIC}, description="one"
        )
        def item(self) -> Item | None:
            return SimpleNamespace(**item)  # type: ignore[return-value]

        @strawberry.field(  # type: ignore[untyped-decorator]
            metadata={"policy": PUBLIC}, description="some"
        )
        async def items(self) -> list[Item | None] | None:
            good = SimpleNamespace(**ITEMS["good"])
            return [good, SimpleNamespace(**item), good]  # type: ignore[list-item]

    schema = strawberry.Schema(query=Query)._schema
    bind(schema)
    return schema


@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS.keys())
@pytest.mark.parametrize("selection", SELECTIONS)
async def test_both_ways_answer_alike(item: dict[str, Any], selection: str) -> None:
    schema = _schema(item)
    fragment = " fragment F on Item { label kind }" if "...F" in selection else ""
    definition = "query Q($yes: Boolean!)" if "$yes" in selection else "query Q"
    text = f"{definition} {{ item {{ {selection} }} items {{ {selection} }} }}{fragment}"
    variables = {"yes": True} if "$yes" in selection else {}
    context = SimpleNamespace(actor=SimpleNamespace(is_admin=False, signed_in=False))

    expected = execute(schema, parse(text), context_value=context, variable_values=variables)
    if not isinstance(expected, ExecutionResult):
        expected = await expected
    assert isinstance(expected, ExecutionResult)
    documents = Documents(schema, GraphQLSettings(), introspection=True, metrics=Metrics())
    operation = documents.prepare(text).operation(None)
    operations = Operations(schema, timeout=5, hide_suggestions=False)
    found = await operations.execute(operation, variables=variables, context=context)

    # As text, so that the order of the fields counts too.
    assert json.dumps(found.data) == json.dumps(expected.data)
    assert sorted(map(_told, found.errors)) == sorted(map(_told, expected.errors or []))


def _told(error: Any) -> str:
    return f"{error.message} {error.path} {error.locations} {type(error.original_error)}"
