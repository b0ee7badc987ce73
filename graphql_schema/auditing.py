"""What the audit log hears of a mutation: read off its payload, its input and its error, never from its secrets."""

import asyncio
from dataclasses import fields
from typing import Any

from graphql import GraphQLError

from app.errors import DomainError, RateLimited, Unavailable
from app.identity.errors import InvalidAccessToken
from app.identity.models import SUCCESS
from app.identity.service.audit import Attempt
from graphql_schema.context import Context
from graphql_schema.identity.types import User
from graphql_schema.node import subject_of


def succeeded(context: Context, action: str, input: Any, payload: Any) -> Attempt:
    """The entry of a mutation that did what it was asked."""
    user = getattr(payload, "user", None)
    # Who signs in begins the operation as nobody, and has just proved to be this user.
    signed_in = user.user_id if isinstance(user, User) and user.proven else None
    return _attempt(
        context,
        action,
        SUCCESS,
        subject=_subject_of_payload(payload) or _subject_of_input(input),
        actor_id=signed_in if context.actor.user_id is None else context.actor.user_id,
    )


def failed(context: Context, action: str, input: Any, error: BaseException) -> Attempt:
    """The entry of a mutation that changed nothing."""
    account_id = error.account_id if isinstance(error, DomainError) else None
    return _attempt(
        context,
        action,
        outcome(error),
        subject=_subject_of_input(input) if account_id is None else f"User:{account_id}",
        actor_id=context.actor.user_id,
    )


def _attempt(
    context: Context, action: str, outcome: str, *, subject: str | None, actor_id: int | None
) -> Attempt:
    return Attempt(
        action=action,
        outcome=outcome,
        actor_id=actor_id,
        session_id=context.actor.session_id,
        subject=subject,
        client_address=context.client_address,
        user_agent=context.user_agent,
        request_id=context.request_id,
    )


_OUTCOMES = {
    InvalidAccessToken: "UNAUTHENTICATED",
    RateLimited: "RATE_LIMITED",
    Unavailable: "UNAVAILABLE",
    asyncio.CancelledError: "TIMEOUT",
}


def outcome(error: BaseException) -> str:
    """The code that stands for an error in the log and in `lectern_mutations_total`."""
    if isinstance(error, DomainError):
        return error.audit_outcome or error.code.value
    if isinstance(error, GraphQLError):
        return str((error.extensions or {}).get("code", "BAD_USER_INPUT"))
    return next((code for kind, code in _OUTCOMES.items() if isinstance(error, kind)), "INTERNAL")


def _subject_of_payload(payload: Any) -> str | None:
    """What the payload says is gone, else its first object: the key of an edge, or an object with a global id."""
    values = {field.name: getattr(payload, field.name, None) for field in fields(payload)}
    for name, value in values.items():
        if name.startswith("removed_") and (subject := _subject(value)):
            return subject
    for name, value in values.items():
        if name.endswith("_id") and isinstance(value, int):
            return f"{name.removesuffix('_id').title().replace('_', '')}:{value}"
        if subject := _subject(getattr(value, "id", None)):
            return subject
    return None


def _subject_of_input(input: Any) -> str | None:
    """The first id in the input; None for what is no id of ours, whatever somebody wrote there."""
    for field in fields(input):
        value = getattr(input, field.name, None)
        if field.name.endswith("_id") and (subject := _subject(value)):
            return subject
    return None


def _subject(identifier: Any) -> str | None:
    return subject_of(identifier) if isinstance(identifier, str) else None
