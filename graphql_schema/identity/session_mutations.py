"""Signing out, here or elsewhere."""

from typing import Self

import strawberry

from app.database import Transaction
from app.identity import sessions
from app.identity.errors import SessionNotFound
from graphql_schema.context import Context
from graphql_schema.fields import field
from graphql_schema.identity.types import Session
from graphql_schema.mutation import UserError, mutation, user_errors
from graphql_schema.node import session_of
from graphql_schema.permissions import PUBLIC, SIGNED_IN, policy
from loaders.batching import Row


@strawberry.input(description="How far to sign out.")
class LogoutInput:
    everywhere: bool = strawberry.field(
        default=False, description="End all of the viewer's sessions, not this one alone."
    )


@strawberry.input(description="Which session to end.")
class RevokeSessionInput:
    session_id: strawberry.ID = strawberry.field(description="One of `viewer.sessions`.")


@strawberry.type(description="The session that asked, ended.")
@policy(PUBLIC)
class LogoutPayload:
    session: Session | None = field(
        description="As it was; null when it had ended already, or when there are errors.", default=None
    )
    user_errors: list[UserError] = user_errors()

    @classmethod
    def of(cls, row: Row | None) -> Self:
        return cls(session=None if row is None else Session.of(row))


@strawberry.type(description="The session that was ended.")
@policy(PUBLIC)
class RevokeSessionPayload:
    session: Session | None = field(description="As it was; null when there are errors.", default=None)
    user_errors: list[UserError] = user_errors()

    @classmethod
    def of(cls, row: Row) -> Self:
        return cls(session=Session.of(row))


async def logout(tx: Transaction, context: Context, input: LogoutInput) -> LogoutPayload:
    row = await sessions.log_out(
        tx, context.resources.ended_sessions, context.actor, everywhere=input.everywhere
    )
    return LogoutPayload.of(row)


async def revoke_session(
    tx: Transaction, context: Context, input: RevokeSessionInput
) -> RevokeSessionPayload:
    session_id = session_of(input.session_id)
    if session_id is None:
        raise SessionNotFound("sessionId")
    row = await sessions.end(tx, context.resources.ended_sessions, context.actor, session_id=session_id)
    return RevokeSessionPayload.of(row)


@strawberry.type
class SessionMutations:
    logout = mutation(
        logout,
        policy=SIGNED_IN,
        description="Ends the session that asks: its refresh token at once, its access tokens within a second.",
    )
    revoke_session = mutation(
        revoke_session, policy=SIGNED_IN, description="Ends one of the viewer's sessions on another device."
    )
