"""From a document's text to something that may run: parsed, within the limits, valid; kept by its exact text."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    StringValueNode,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.validation.rules import overlapping_fields_can_be_merged
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from app.settings import GraphQLSettings
from graphql_schema.errors import report
from graphql_schema.limits import Weight, limit_error, measure, nodes_violation, violations
from graphql_schema.list_sizes import size_defaults, size_variables

# A document of 1,000 tokens takes 0.4 MB when parsed; ordinary ones have about a hundred. The cache is bounded in
# both, so that a thousand of the largest do not take ten times the memory that was planned for.
_CACHED_TOKENS_PER_DOCUMENT = 100
# Comparing fields for conflicts is quadratic where a document repeats them; graphql-core's own budget lets one
# document of 3 KB take 140 ms. This one lets it take 10; ordinary documents stay below a thousand.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 30_000
# More errors than anybody reads would only make a refusal expensive.
_MAX_VALIDATION_ERRORS = 20


class CacheMetrics(Protocol):
    @property
    def document_cache(self) -> Any: ...


class DocumentRejected(Exception):
    """The document will not run. `errors` are ready to be sent.

    `undetermined` marks requests that do not say which operation to run: 400 for every client, while clients of the
    older `application/json` expect 200 for other refusals.
    """

    def __init__(self, errors: list[dict[str, Any]], *, undetermined: bool = False) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors
        self.undetermined = undetermined


class PreparedOperation:
    """One operation, with everything about it that its text decides."""

    __slots__ = (
        "_defaults",
        "definition",
        "fragment_definitions",
        "fragments",
        "label",
        "nodes",
        "only_field",
        "size_variables",
    )

    def __init__(
        self, definition: OperationDefinitionNode, weight: Weight, document: "PreparedDocument"
    ) -> None:
        self.definition = definition
        # Names that clients choose never reach a label: this is bounded by the schema.
        self.label = f"{definition.operation.value}:{weight.first_field}"
        self.only_field = weight.first_field if weight.fields == 1 else None
        self.nodes = weight.nodes
        self.size_variables = size_variables(weight.nodes)
        self._defaults = size_defaults(definition)
        self.fragment_definitions = document.fragment_definitions
        self.fragments = document.fragments

    @property
    def type(self) -> OperationType:
        return self.definition.operation

    def check_nodes(self, variables: Mapping[str, Any], settings: GraphQLSettings) -> None:
        """Raises DocumentRejected when these variables ask for too many objects."""
        if self.size_variables:
            error = nodes_violation(self.nodes, {**self._defaults, **variables}, settings)
            if error is not None:
                raise _rejected([error])


class PreparedDocument:
    """A valid document within the limits."""

    __slots__ = ("_operations", "document", "fragment_definitions", "fragments")

    def __init__(
        self, document: DocumentNode, weights: Sequence[tuple[OperationDefinitionNode, Weight]]
    ) -> None:
        self.document = document
        self.fragment_definitions = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self.fragments = {
            name: FragmentDetails(definition, None) for name, definition in self.fragment_definitions.items()
        }
        self._operations = {
            definition.name.value if definition.name else None: PreparedOperation(definition, weight, self)
            for definition, weight in weights
        }

    def operation(self, name: str | None) -> PreparedOperation:
        """The operation of that name, or the only one. Raises DocumentRejected."""
        operations = self._operations
        if name is None and len(operations) == 1:
            return next(iter(operations.values()))
        if name is not None and name in operations:
            return operations[name]
        if name is None:
            message = "The document holds several operations: say which one with operationName."
        else:
            message = "The document holds no operation of that name."
        raise _rejected([GraphQLError(message)], code="OPERATION_NOT_DETERMINED", undetermined=True)


class Documents:
    """Prepares documents and keeps the least recently forgotten ones. Refused ones are not kept."""

    def __init__(
        self, schema: GraphQLSchema, settings: GraphQLSettings, *, introspection: bool, metrics: CacheMetrics
    ) -> None:
        self._schema = schema
        self._settings = settings
        self._hide_suggestions = not introspection
        self._rules = [*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule]
        if not introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)
        self._hit = metrics.document_cache.labels("hit").inc
        self._miss = metrics.document_cache.labels("miss").inc
        self._kept: OrderedDict[str, tuple[PreparedDocument, int]] = OrderedDict()
        self._kept_tokens = 0

    def prepare(self, text: str) -> PreparedDocument:
        """Raises DocumentRejected for what does not parse, exceeds a limit or is invalid."""
        kept = self._kept.get(text)
        if kept is not None:
            self._kept.move_to_end(text)
            self._hit()
            return kept[0]
        self._miss()
        document = self._parse(text)
        measurement = measure(document, self._schema)
        if errors := violations(measurement, self._settings):
            raise _rejected(errors)
        if ("\\u" in text or "\0" in text) and (error := _nul_in_string(document)):
            raise _rejected([error])
        if errors := validate(
            self._schema,
            document,
            self._rules,
            max_errors=_MAX_VALIDATION_ERRORS,
            hide_suggestions=self._hide_suggestions,
        ):
            raise _rejected([_explained(error) for error in errors], code="GRAPHQL_VALIDATION_FAILED")
        if not measurement.operations:
            raise _rejected(
                [GraphQLError("The document holds no operation.")],
                code="OPERATION_NOT_DETERMINED",
                undetermined=True,
            )
        prepared = PreparedDocument(document, measurement.operations)
        self._keep(text, prepared, sum(1 for _ in _tokens(document)))
        return prepared

    def _parse(self, text: str) -> DocumentNode:
        maximum = self._settings.max_tokens
        try:
            return parse(text, max_lexical_tokens=maximum, max_comments=maximum)
        except GraphQLSyntaxError as error:
            if "Document contains more than" in error.message:
                raise _rejected([limit_error("tokens", maximum + 1, maximum)]) from None
            raise _rejected([error], code="GRAPHQL_PARSE_FAILED") from None

    def _keep(self, text: str, prepared: PreparedDocument, tokens: int) -> None:
        size = self._settings.document_cache_size
        self._kept[text] = (prepared, tokens)
        self._kept_tokens += tokens
        while len(self._kept) > size or self._kept_tokens > size * _CACHED_TOKENS_PER_DOCUMENT:
            _, (_, forgotten) = self._kept.popitem(last=False)
            self._kept_tokens -= forgotten


def _rejected(
    errors: Sequence[GraphQLError], *, code: str = "BAD_USER_INPUT", undetermined: bool = False
) -> DocumentRejected:
    found = report(errors, operation="document", code=code, ran=False)
    return DocumentRejected(found.errors, undetermined=undetermined)


def _explained(error: GraphQLError) -> GraphQLError:
    if isinstance(error, ValidationAbortedError) and error.message == "Validation aborted.":
        return GraphQLError(
            "The document repeats fields or nests fragments so often that checking it was given up.",
            extensions={"code": "LIMIT_EXCEEDED", "limit": "complexity"},
        )
    return error


def _tokens(document: DocumentNode) -> Iterator[Any]:
    token = document.loc.start_token if document.loc else None
    while token is not None:
        yield token
        token = token.next


def _nul_in_string(document: DocumentNode) -> GraphQLError | None:
    finder = _NulFinder()
    visit(document, finder)
    return finder.error


class _NulFinder(Visitor):
    """PostgreSQL stores no NUL; without this it would come back as a failure of ours."""

    error: GraphQLError | None = None

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        if "\0" in node.value:
            self.error = GraphQLError(
                "Text must not contain the NUL character.", nodes=node, extensions={"code": "BAD_USER_INPUT"}
            )
