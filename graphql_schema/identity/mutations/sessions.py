"""Staying signed in, signing out, here or elsewhere."""

from typing import Self

import strawberry

from app.database import Transaction
from app.identity.errors import SessionNotFound
from app.identity.models import Role
from app.identity.service import refreshing, sessions
from app.identity.service.sessions import Grant
from graphql_schema.context import Context
from graphql_schema.fields import field
from graphql_schema.identity.types import AuthenticationSession, Session, User
from graphql_schema.mutation import UserError, mutation, user_errors
from graphql_schema.node import session_of
from graphql_schema.permissions import PUBLIC, SIGNED_IN, policy
from loaders.batching import Row


@strawberry.input(description="Which session goes on.")
class RefreshSessionInput:
    refresh_token: str = strawberry.field(description="The newest that the session was given.")


@strawberry.type(description="The session that goes on, and whose it is.")
@policy(PUBLIC)
class RefreshSessionPayload:
    session: AuthenticationSession | None = field(description="Null when there are errors.", default=None)
    user: User | None = field(description="Null when there are errors.", default=None)
    user_errors: list[UserError] = user_errors()

    @classmethod
    def of(cls, context: Context, row: Row, grant: Grant) -> Self:
        return cls(session=authentication_session(context, row, grant), user=User.of(row, proven=True))


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


def authentication_session(context: Context, row: Row, grant: Grant) -> AuthenticationSession:
    """What a client goes on with: a new access token of that session beside its refresh token."""
    token = context.resources.access_tokens.issue(row["id"], Role(row["role"]), grant.session_id)
    return AuthenticationSession.of(token, grant)


async def started(tx: Transaction, context: Context, row: Row) -> Grant:
    """A new session of the account in `row`, on the device that asks."""
    resources = context.resources
    return await sessions.start(
        tx,
        resources.refresh_tokens,
        resources.ended_sessions,
        user_id=row["id"],
        user_agent=context.user_agent,
    )


async def refresh_session(
    _tx: Transaction, context: Context, input: RefreshSessionInput
) -> RefreshSessionPayload:
    # A transaction of its own: a reused token ends its session although the refresh fails.
    resources = context.resources
    row, grant = await refreshing.refresh(
        resources.database,
        resources.metrics,
        resources.refresh_tokens,
        resources.ended_sessions,
        throttle=resources.throttle,
        refresh_token=input.refresh_token,
        client_address=context.client_address,
    )
    return RefreshSessionPayload.of(context, row, grant)


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
    refresh_session = mutation(
        refresh_session,
        policy=PUBLIC,
        description="Changes a refresh token for the next one and a new access token. Send it without an expired "
        "access token. A used token is answered with the same successor for 10 seconds, as long as that one has not been "
        "used itself; else its session ends.",
    )
    logout = mutation(
        logout,
        policy=SIGNED_IN,
        description="Ends the session that asks: its refresh token at once, its access tokens within a second.",
    )
    revoke_session = mutation(
        revoke_session, policy=SIGNED_IN, description="Ends one of the viewer's sessions on another device."
    )
