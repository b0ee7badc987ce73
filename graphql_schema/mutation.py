"""A mutation's edge: checks the policy, opens the transaction, commits before the payload resolves, turns expected
failures into data. Below it nobody commits and nobody knows GraphQL.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, get_type_hints

import strawberry
from graphql import GraphQLResolveInfo, GraphQLSchema

from app.database import Transaction
from app.errors import DomainError, ErrorCode, Forbidden
from app.identity.models import SUCCESS
from app.identity.service import audit
from graphql_schema import auditing
from graphql_schema.context import Context, Info
from graphql_schema.enums import described
from graphql_schema.fields import field
from graphql_schema.permissions import PUBLIC, Policy, admit, policy

described(
    ErrorCode,
    "Why a mutation did not do what it was asked. The list grows: keep a default branch.",
    {
        ErrorCode.INVALID_INPUT: "A value is not acceptable; `path` names it.",
        ErrorCode.INVALID_CREDENTIALS: "No such account, or another password.",
        ErrorCode.INVALID_TOKEN: "Unknown, used up, expired or revoked: sign in again.",
        ErrorCode.EMAIL_TAKEN: "There is an account with this address.",
        ErrorCode.NOT_FOUND: "There is no such object, or none for you.",
        ErrorCode.FORBIDDEN: "You may not do this. Also a top-level error.",
        ErrorCode.CONFLICT: "It was changed meanwhile: load it again.",
        ErrorCode.INVALID_STATE: "Not in the state the object is in.",
        ErrorCode.LIMIT_REACHED: "There may not be more of them.",
        ErrorCode.ENROLLMENT_NOT_OPEN: "The course does not take learners yet: see `Course.enrollmentPolicy`.",
        ErrorCode.ENROLLMENT_CLOSED: "The course takes no more learners.",
        ErrorCode.INVITATION_REQUIRED: "The course takes those alone who were invited.",
        ErrorCode.PREREQUISITES_MISSING: "Other courses are to be completed first: the payload lists them.",
    },
)


@strawberry.type(description="An expected failure of a mutation: nothing was changed.")
@policy(PUBLIC)
class UserError:
    code: ErrorCode = field(description="For programs.")
    message: str = field(description="For people.")
    path: list[str] = field(
        description="The input field at fault, outermost first; empty when there is none."
    )


def user_errors() -> Any:
    """The field that every payload has."""
    return field(description="Why nothing was done; empty when it was.", default_factory=list)


Verb = Callable[[Transaction, Context, Any], Awaitable[Any]]


def mutation(verb: Verb, *, policy: Policy, description: str) -> Any:
    """A root field of one argument, `input`. `verb(tx, context, input)` returns the payload.

    The transaction opens at its first statement and is committed, its connection given back, before this returns.
    Each attempt is an audit entry: of a success in its transaction, of anything else in one of its own.
    """
    hints = get_type_hints(verb)
    payload_type = hints["return"]

    async def run(info: Info, input: Any) -> Any:
        context = info.context
        action = info.field_name
        resources = context.resources
        try:
            # Here and not in binding.py: who is turned away leaves an entry too.
            admit(policy, context.actor)
            async with resources.database.transaction() as transaction:
                payload = await verb(transaction, context, input)
                await audit.record(transaction, auditing.succeeded(context, action, input, payload))
            resources.metrics.mutations.labels(action, SUCCESS).inc()
        except (Exception, asyncio.CancelledError) as error:
            attempt = auditing.failed(context, action, input, error)
            await audit.record_refusal(resources.database, resources.metrics, attempt)
            resources.metrics.mutations.labels(action, attempt.outcome).inc()
            if isinstance(error, Forbidden) or not isinstance(error, DomainError):
                raise
            payload = payload_type(
                user_errors=[UserError(code=error.code, message=error.message, path=list(error.path))],
                **error.payload,
            )
        # What the payload and the following root fields load must not come from before the commit.
        context.renew_loaders()
        return payload

    return _root_field(run, verb, (hints["input"], payload_type), policy, description)


BufferedVerb = Callable[[Context, dict[str, Any]], Awaitable[Any]]


def buffered_mutation(verb: BufferedVerb, *, input: Any, policy: Policy, description: str) -> Any:
    """A root field whose effect goes to Redis and reaches PostgreSQL later: `verb(context, values)` returns the payload.

    No transaction, and no audit entry, which would be the statement that it is there to save; a refusal leaves none
    either. It is counted as every mutation is, and served while PostgreSQL is away (see `served_in_outages`). `values` is
    `input` as graphql-core has coerced it, by the schema's names: to make objects of hundreds of fields would cost more
    than all the rest.
    """
    payload_type = get_type_hints(verb)["return"]

    async def run(_source: Any, info: GraphQLResolveInfo[Context], *, input: dict[str, Any]) -> Any:
        context = info.context
        series = context.resources.metrics.mutations
        try:
            admit(policy, context.actor)
            payload = await verb(context, input)
            series.labels(info.field_name, SUCCESS).inc()
        except DomainError as error:
            series.labels(info.field_name, error.code.value).inc()
            payload = payload_type(
                user_errors=[UserError(code=error.code, message=error.message, path=list(error.path))],
                **error.payload,
            )
        except (Exception, asyncio.CancelledError) as error:
            series.labels(info.field_name, auditing.outcome(error)).inc()
            raise
        return payload

    async def declared(info: Info, input: Any) -> Any:
        """For the schema alone: binding.py takes `run`."""
        raise NotImplementedError

    return _root_field(declared, verb, (input, payload_type), policy, description, resolve=run, buffered=True)


def served_in_outages(schema: GraphQLSchema) -> frozenset[str]:
    """Names of mutations that need no database."""
    fields = schema.mutation_type.fields if schema.mutation_type else {}
    definitions = {name: field.extensions.get("strawberry-definition") for name, field in fields.items()}
    return frozenset(name for name, made in definitions.items() if made and made.metadata.get("buffered"))


def _root_field(
    run: Any,
    verb: Callable[..., Any],
    types: tuple[Any, Any],
    policy: Policy,
    description: str,
    **metadata: Any,
) -> Any:
    functools.update_wrapper(run, verb)
    del run.__wrapped__
    argument = strawberry.argument(description="What to do.")
    run.__annotations__ = {"info": Info, "input": Annotated[types[0], argument], "return": types[1] | None}
    return strawberry.field(
        resolver=run,
        description=description,
        metadata={"policy": policy, "guards_itself": True, **metadata},
    )
