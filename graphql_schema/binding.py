"""Lays our resolvers on the schema that Strawberry built: attributes, edges, policies.

Strawberry's own resolver for a plain attribute costs several calls; ours is one attribute look-up. A field without a
policy is refused here, so that it can never be served.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from graphql import GraphQLField, GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema

from graphql_schema.edges import Edge
from graphql_schema.permissions import PUBLIC, Denied, Policy, refuse

Resolve = Callable[..., Any]


class UndeclaredPolicyError(Exception):
    """A field without a policy: default deny means that the program does not start."""


def bind(schema: GraphQLSchema) -> None:
    """Raises UndeclaredPolicyError when a field states no policy and inherits none."""
    for graphql_type in schema.type_map.values():
        if isinstance(graphql_type, GraphQLObjectType) and not graphql_type.name.startswith("__"):
            for name, graphql_field in graphql_type.fields.items():
                _bind_field(graphql_type, name, graphql_field)


def policies(schema: GraphQLSchema) -> dict[tuple[str, str], Policy]:
    """Every (type, field) and the policy that guards it: the matrix that tests run over."""
    return {
        (graphql_type.name, name): _policy(graphql_type, name, graphql_field)
        for graphql_type in schema.type_map.values()
        if isinstance(graphql_type, GraphQLObjectType) and not graphql_type.name.startswith("__")
        for name, graphql_field in graphql_type.fields.items()
    }


def _policy(graphql_type: GraphQLObjectType, name: str, graphql_field: GraphQLField) -> Policy:
    definition = graphql_field.extensions.get("strawberry-definition")
    declared = definition.metadata.get("policy") if definition is not None else None
    if declared is None:
        # A root field never inherits: each states who may use it.
        declared = getattr(graphql_type.extensions["strawberry-definition"].origin, "policy", None)
    if not isinstance(declared, Policy):
        raise UndeclaredPolicyError(f"{graphql_type.name}.{name} states no policy")
    return declared


def _bind_field(graphql_type: GraphQLObjectType, name: str, graphql_field: GraphQLField) -> None:
    rule = _policy(graphql_type, name, graphql_field)
    definition = graphql_field.extensions["strawberry-definition"]
    declared_edge = definition.metadata.get("edge")
    resolve: Resolve
    if isinstance(declared_edge, Edge):
        resolve = declared_edge.resolve
    elif "resolve" in definition.metadata:
        resolve = definition.metadata["resolve"]
    elif definition.base_resolver is None:
        resolve = Attribute(definition.python_name)
    else:
        resolve = graphql_field.resolve  # type: ignore[assignment]
    guarded_already = rule is PUBLIC or definition.metadata.get("guards_itself", False)
    graphql_field.resolve = resolve if guarded_already else _guarded(rule, resolve)


class Attribute:
    """A resolver that only reads an attribute: the executor may read it itself, without building an info."""

    __slots__ = ("get",)

    def __init__(self, name: str) -> None:
        self.get = attrgetter(name)

    def __call__(self, source: Any, _info: GraphQLResolveInfo[Any]) -> Any:
        return self.get(source)


def _guarded(rule: Policy, resolve: Resolve) -> Resolve:
    def guarded(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        actor = info.context.actor
        if rule.allows(actor, source):
            return resolve(source, info, **arguments)
        if rule.denied is Denied.NULL:
            return None
        raise refuse(actor)

    return guarded
