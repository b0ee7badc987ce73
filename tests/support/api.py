"""The schema as a client uses it, without HTTP: documents in, data and errors out, statements counted."""

from dataclasses import dataclass, field
from typing import Any

from graphql import ExecutionResult, GraphQLError, execute, parse, validate

from app.identity.actor import ANONYMOUS, Actor
from app.resources import Resources
from app.telemetry import StatementCount, statements
from graphql_schema.context import Context
from graphql_schema.schema import build_schema

SCHEMA = build_schema()._schema
_AUDIT = "INSERT INTO audit_log "


@dataclass
class Answer:
    data: dict[str, Any]
    errors: list[GraphQLError]
    sent: list[str] = field(default_factory=list)
    """Every statement that the answer took."""

    @property
    def statements(self) -> list[str]:
        """Those of the work itself, without the audit entries."""
        return [text for text in self.sent if not text.startswith(_AUDIT)]

    @property
    def audited(self) -> int:
        """How many audit entries were written: one for each mutation that was tried."""
        return len(self.sent) - len(self.statements)

    @property
    def codes(self) -> list[Any]:
        return [(error.extensions or {}).get("code") for error in self.errors]


class Api:
    """`await api(document, actor, **variables)` gives the data of an answer that must be free of errors."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    async def __call__(self, document: str, actor: Actor = ANONYMOUS, **variables: Any) -> Any:
        answer = await self.ask(document, actor, **variables)
        assert not answer.errors, [(error.message, error.original_error) for error in answer.errors]
        return answer.data

    async def ask(self, document: str, actor: Actor = ANONYMOUS, **variables: Any) -> Answer:
        """The whole answer, errors included, with the statements it took."""
        parsed = parse(document)
        problems = validate(SCHEMA, parsed)
        assert not problems, problems
        counted = StatementCount(keep_texts=True)
        token = statements.set(counted)
        try:
            result = execute(SCHEMA, parsed, context_value=self.context(actor), variable_values=variables)
            if not isinstance(result, ExecutionResult):
                result = await result
        finally:
            statements.reset(token)
        assert isinstance(result, ExecutionResult)
        return Answer(result.data or {}, result.errors or [], counted.texts)

    def context(self, actor: Actor) -> Context:
        return Context(self.resources, actor)

    async def change(self, verb: str, actor: Actor, selection: str = "", **values: Any) -> Any:
        """Runs one mutation; returns its payload. `selection` is put beside `userErrors`."""
        document = (
            f"mutation Change($input: {verb[0].upper()}{verb[1:]}Input!) "
            f"{{ {verb}(input: $input) {{ {selection} userErrors {{ code path }} }} }}"
        )
        return (await self(document, actor, input=values))[verb]
