"""Proving that an address is one's own."""

import strawberry

from app.database import Transaction
from app.identity.service import email_verification
from graphql_schema.context import Context
from graphql_schema.fields import field
from graphql_schema.identity.types import User
from graphql_schema.mutation import UserError, mutation, user_errors
from graphql_schema.permissions import PUBLIC, policy


@strawberry.input(description="The proof of an address.")
class VerifyEmailInput:
    token: str = strawberry.field(description="Of the link in the mail.")
    password: str | None = strawberry.field(
        description="Of the account that is to own the address. Asked for where several accounts claim the address and the "
        "viewer is not signed in to that one.",
        default=None,
    )


@strawberry.input(description="Which address waits for its proof.")
class RequestEmailVerificationInput:
    email: str = strawberry.field(description="The address that was registered; case does not matter.")


@strawberry.type(description="The account that owns its address now.")
@policy(PUBLIC)
class VerifyEmailPayload:
    user: User | None = field(description="Null when there are errors.", default=None)
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="That the request was taken; not whether there is an account.")
@policy(PUBLIC)
class RequestEmailVerificationPayload:
    email: str | None = field(
        description="The address that a mail goes to if an account waits for it; null when there are errors.",
        default=None,
    )
    user_id: strawberry.Private[int | None] = None
    user_errors: list[UserError] = user_errors()


async def verify_email(tx: Transaction, context: Context, input: VerifyEmailInput) -> VerifyEmailPayload:
    resources = context.resources
    row = await email_verification.verify(
        tx,
        context.actor,
        database=resources.database,
        throttle=resources.throttle,
        token=input.token,
        password=input.password,
        client_address=context.client_address,
    )
    return VerifyEmailPayload(user=User.of(row, proven=True))


async def request_email_verification(
    tx: Transaction, context: Context, input: RequestEmailVerificationInput
) -> RequestEmailVerificationPayload:
    resources = context.resources
    email, user_id = await email_verification.request(
        tx,
        context.actor,
        database=resources.database,
        throttle=resources.throttle,
        outbox=resources.outbox,
        email=input.email,
        client_address=context.client_address,
    )
    return RequestEmailVerificationPayload(email=email, user_id=user_id)


@strawberry.type
class EmailAddressMutations:
    verify_email = mutation(
        verify_email,
        policy=PUBLIC,
        description="Proves an account's address with the token of the mail, once, within three days.",
    )
    request_email_verification = mutation(
        request_email_verification,
        policy=PUBLIC,
        description="Mails the link that proves an address once more, if an account waits for it. Answers alike if not.",
    )
