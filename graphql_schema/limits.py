"""What a document may ask for, measured in one pass that visits every selection once, before validation.

Fragments are measured once each, in the order of their dependencies, and then only looked up: forty
fragments that each spread the next one twice cost eighty steps, not a trillion. Sums saturate at CEILING for
the same reason. The pass meets documents that nobody has validated: unknown fields, unknown and cyclic
fragments count nothing here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from app.settings import GraphQLSettings
from graphql_schema.list_sizes import CEILING, Estimate, EstimateBuilder, evaluate, list_size

# Guessing passwords by aliasing `login` a hundred times would make every limit per request worthless.
ONCE_PER_REQUEST = frozenset(
    {
        "login",
        "register",
        "refreshSession",
        "changePassword",
        "requestPasswordReset",
        "resetPassword",
        "requestEmailVerification",
        "verifyEmail",
    }
)


@dataclass(slots=True)
class Weight:
    """A selection set, fragments expanded. `items`: what it asks for per item of the enclosing connection."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    once: int = 0
    nodes: Estimate = 0
    items: Estimate = 0
    first_field: str = ""


@dataclass(slots=True)
class Measurement:
    """Weights by operation, in document order; `steps` counts visited selections, for tests of linearity."""

    operations: list[tuple[OperationDefinitionNode, Weight]] = field(default_factory=list)
    steps: int = 0


def measure(document: DocumentNode, schema: GraphQLSchema) -> Measurement:
    """Never raises, whatever the parser accepted."""
    return _Measurer(document, schema).measure()


def violations(measurement: Measurement, settings: GraphQLSettings) -> list[GraphQLError]:
    """One error per limit that some operation exceeds; empty when all is well."""
    errors = []
    for definition, weight in measurement.operations:
        for limit, value, maximum in (
            ("depth", weight.depth, settings.max_depth),
            ("aliases", weight.aliases, settings.max_aliases),
            ("rootFields", weight.fields, settings.max_root_fields),
            ("credentialFields", weight.once, 1),
        ):
            if value > maximum:
                errors.append(limit_error(limit, value, maximum, definition))
        if isinstance(weight.nodes, int) and weight.nodes > settings.max_nodes:
            errors.append(limit_error("nodes", weight.nodes, settings.max_nodes, definition))
    return errors


_SENTENCES = {
    "tokens": "The document has more than {maximum} tokens.",
    "depth": "The operation nests fields {value} levels deep; {maximum} are allowed.",
    "aliases": "The operation uses {value} aliases; {maximum} are allowed.",
    "rootFields": "The operation asks for {value} root fields; {maximum} are allowed.",
    "credentialFields": "A request may sign in, refresh, prove or change a password once; this one does {value} times.",
    "nodes": "The operation may return {value} objects; {maximum} are allowed. Ask for smaller pages.",
}


def limit_error(
    limit: str, value: int, maximum: int, definition: OperationDefinitionNode | None = None
) -> GraphQLError:
    return GraphQLError(
        _SENTENCES[limit].format(value=value, maximum=maximum),
        nodes=definition,
        extensions={"code": "LIMIT_EXCEEDED", "limit": limit, "value": value, "maximum": maximum},
    )


def nodes_violation(
    estimate: Estimate, variables: Mapping[str, Any], settings: GraphQLSettings
) -> GraphQLError | None:
    """The part of the node limit that only a request's variables decide."""
    nodes = evaluate(estimate, variables)
    return limit_error("nodes", nodes, settings.max_nodes) if nodes > settings.max_nodes else None


class _Measurer:
    def __init__(self, document: DocumentNode, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._document = document
        self._definitions = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._fragments: dict[str, Weight] = {}
        self._result = Measurement()

    def measure(self) -> Measurement:
        schema, result = self._schema, self._result
        for definition in self._in_order():
            condition = schema.get_type(definition.type_condition.name.value)
            self._fragments[definition.name.value] = self._weigh(definition.selection_set, condition)
        for operation in self._document.definitions:
            if isinstance(operation, OperationDefinitionNode):
                root = schema.get_root_type(operation.operation)
                result.operations.append((operation, self._weigh(operation.selection_set, root)))
        return result

    def _in_order(self) -> Iterator[FragmentDefinitionNode]:
        """Fragments after those that they spread, without recursion: a chain may be as long as the text."""
        definitions = self._definitions
        started: set[str] = set()
        for root in definitions:
            path = [] if root in started else [root]
            pending = {name: _spreads(definitions[name]) for name in path}
            started.update(path)
            while path:
                name = next((s for s in pending[path[-1]] if s in definitions and s not in started), None)
                if name is None:
                    yield definitions[path.pop()]
                else:
                    # A spread that closes a cycle is in `started` already and weighs nothing: it is invalid.
                    started.add(name)
                    path.append(name)
                    pending[name] = _spreads(definitions[name])

    # Recursion here is bounded by the parser, which refuses definitions nested deeper than 200 levels.
    def _weigh(self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None) -> Weight:
        weight = Weight()
        nodes, items = EstimateBuilder(), EstimateBuilder()
        for selection in selection_set.selections:
            self._result.steps += 1
            if isinstance(selection, FieldNode):
                self._weigh_field(selection, parent, weight, nodes, items)
                continue
            if isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = self._schema.get_type(condition.name.value) if condition else parent
                part = self._weigh(selection.selection_set, inner)
            else:
                assert isinstance(selection, FragmentSpreadNode)
                part = self._fragments.get(selection.name.value, _NOTHING)
            weight.depth = max(weight.depth, part.depth)
            weight.aliases = min(CEILING, weight.aliases + part.aliases)
            weight.fields = min(CEILING, weight.fields + part.fields)
            weight.once = min(CEILING, weight.once + part.once)
            weight.first_field = weight.first_field or part.first_field
            nodes.add(1, 0, part.nodes)
            items.add(1, 0, part.items)
        weight.nodes, weight.items = nodes.build(), items.build()
        return weight

    def _weigh_field(
        self,
        node: FieldNode,
        parent: GraphQLNamedType | None,
        weight: Weight,
        nodes: EstimateBuilder,
        items: EstimateBuilder,
    ) -> None:
        name = node.name.value
        weight.first_field = weight.first_field or name
        weight.fields += 1
        weight.aliases += node.alias is not None
        weight.once += name in ONCE_PER_REQUEST and parent is self._schema.mutation_type
        definition = _definition(parent, name)
        named = get_named_type(definition.type) if definition is not None else None
        inner = self._weigh(node.selection_set, named) if node.selection_set else _NOTHING
        weight.aliases = min(CEILING, weight.aliases + inner.aliases)
        if name.startswith("__"):
            # Introspection nests deeper than queries of data; a validation rule of its own bounds it.
            weight.depth = max(weight.depth, 1)
            return
        weight.depth = max(weight.depth, 1 + inner.depth)
        if definition is None or not is_composite_type(named):
            return
        assert parent is not None
        assert named is not None
        is_list = is_list_type(get_nullable_type(definition.type))
        if is_list and parent.name.endswith("Connection") and name in {"edges", "nodes"}:
            items.add(1, 0, inner.nodes)
        elif parent.name.endswith("Edge") and name == "node":
            nodes.add(1, 0, inner.nodes)
        elif named.name.endswith("Connection"):
            # `first` objects were asked for, whether `nodes` or `edges` read them or neither does.
            nodes.add(list_size(definition, node), 1, inner.items)
            nodes.add(1, 0, inner.nodes)
        else:
            nodes.add(list_size(definition, node) if is_list else 1, 1, inner.nodes)


_NOTHING = Weight()


def _definition(parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        fields: dict[str, GraphQLField] = parent.fields
        return fields.get(name)
    return None


def _spreads(definition: FragmentDefinitionNode) -> Iterator[str]:
    stack = [definition.selection_set]
    while stack:
        for selection in stack.pop().selections:
            if isinstance(selection, FragmentSpreadNode):
                yield selection.name.value
            elif isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set:
                stack.append(selection.selection_set)
