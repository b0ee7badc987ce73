"""A new password: by the old one, or by a mail."""

import strawberry

from app.database import Transaction
from app.identity.service import password_changes
from graphql_schema.context import Context
from graphql_schema.fields import field
from graphql_schema.identity.types import User
from graphql_schema.mutation import UserError, mutation, user_errors
from graphql_schema.permissions import PUBLIC, SIGNED_IN, policy


@strawberry.input(description="The viewer's old and new password.")
class ChangePasswordInput:
    current_password: str = strawberry.field(description="The password so far.")
    new_password: str = strawberry.field(description="8 to 128 characters of any kind.")


@strawberry.input(description="Whose password was forgotten.")
class RequestPasswordResetInput:
    email: str = strawberry.field(description="The account's address; case does not matter.")


@strawberry.input(description="A new password, proved by a mail.")
class ResetPasswordInput:
    token: str = strawberry.field(description="Of the link in the mail.")
    new_password: str = strawberry.field(description="8 to 128 characters of any kind.")


@strawberry.type(description="The viewer's account, which has a new password.")
@policy(PUBLIC)
class ChangePasswordPayload:
    user: User | None = field(description="Null when there are errors.", default=None)
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="That the request was taken; not whether there is an account.")
@policy(PUBLIC)
class RequestPasswordResetPayload:
    email: str | None = field(
        description="The address that a mail goes to if it has an account; null when there are errors.",
        default=None,
    )
    user_id: strawberry.Private[int | None] = None
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The account that has a new password. It is signed in nowhere.")
@policy(PUBLIC)
class ResetPasswordPayload:
    user: User | None = field(description="Null when there are errors.", default=None)
    user_errors: list[UserError] = user_errors()


async def change_password(
    tx: Transaction, context: Context, input: ChangePasswordInput
) -> ChangePasswordPayload:
    resources = context.resources
    row = await password_changes.change_password(
        tx,
        context.actor,
        database=resources.database,
        throttle=resources.throttle,
        ended=resources.ended_sessions,
        outbox=resources.outbox,
        current_password=input.current_password,
        new_password=input.new_password,
        client_address=context.client_address,
    )
    return ChangePasswordPayload(user=User.of(row))


async def request_password_reset(
    tx: Transaction, context: Context, input: RequestPasswordResetInput
) -> RequestPasswordResetPayload:
    resources = context.resources
    email, user_id = await password_changes.request_reset(
        tx,
        database=resources.database,
        throttle=resources.throttle,
        outbox=resources.outbox,
        email=input.email,
        client_address=context.client_address,
    )
    return RequestPasswordResetPayload(email=email, user_id=user_id)


async def reset_password(
    tx: Transaction, context: Context, input: ResetPasswordInput
) -> ResetPasswordPayload:
    resources = context.resources
    row = await password_changes.reset_password(
        tx,
        database=resources.database,
        throttle=resources.throttle,
        ended=resources.ended_sessions,
        outbox=resources.outbox,
        token=input.token,
        new_password=input.new_password,
        client_address=context.client_address,
    )
    return ResetPasswordPayload(user=User.of(row, proven=True))


@strawberry.type
class PasswordMutations:
    change_password = mutation(
        change_password,
        policy=SIGNED_IN,
        description="Changes the viewer's password and ends all other sessions of the account.",
    )
    request_password_reset = mutation(
        request_password_reset,
        policy=PUBLIC,
        description="Mails a link that sets a new password, if the address has an account. Answers alike if not.",
    )
    reset_password = mutation(
        reset_password,
        policy=PUBLIC,
        description="Sets a new password with the token of the mail, once, within an hour. Ends all sessions of the "
        "account; its address counts as proved.",
    )
