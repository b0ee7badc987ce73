"""A mutation's edge: checks the policy, opens the transaction, commits before the payload resolves, turns expected
failures into data. Below it nobody commits and nobody knows GraphQL.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, get_type_hints

import strawberry

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

    functools.update_wrapper(run, verb)
    del run.__wrapped__  # type: ignore[attr-defined]
    argument = strawberry.argument(description="What to do.")
    run.__annotations__ = {
        "info": Info,
        "input": Annotated[hints["input"], argument],
        "return": payload_type | None,
    }
    return strawberry.field(
        resolver=run, description=description, metadata={"policy": policy, "guards_itself": True}
    )
