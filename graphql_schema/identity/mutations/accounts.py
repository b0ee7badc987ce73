"""Making an account, signing in."""

from typing import Self

import strawberry

from app.database import Transaction
from app.identity.service import accounts, email_verification, sign_in
from app.identity.service.sessions import Grant
from graphql_schema.context import Context
from graphql_schema.fields import field
from graphql_schema.identity.mutations.sessions import authentication_session, started
from graphql_schema.identity.types import AuthenticationSession, User
from graphql_schema.mutation import UserError, mutation, user_errors
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row


@strawberry.input(description="A new account.")
class RegisterInput:
    email: str = strawberry.field(description="One account an address, whatever its case.")
    password: str = strawberry.field(description="8 to 128 characters of any kind.")
    name: str = strawberry.field(description="Shown to others, 1 to 100 characters.")


@strawberry.input(description="Proof of who one is.")
class LoginInput:
    email: str = strawberry.field(description="The account's address; case does not matter.")
    password: str = strawberry.field(description="The account's password.")


@strawberry.type(description="The new account, signed in.")
@policy(PUBLIC)
class RegisterPayload:
    session: AuthenticationSession | None = field(description="Null when there are errors.", default=None)
    user: User | None = field(description="Null when there are errors.", default=None)
    user_errors: list[UserError] = user_errors()

    @classmethod
    def of(cls, context: Context, row: Row, grant: Grant) -> Self:
        return cls(session=authentication_session(context, row, grant), user=User.of(row, proven=True))


@strawberry.type(description="The account that signed in.")
@policy(PUBLIC)
class LoginPayload:
    session: AuthenticationSession | None = field(description="Null when there are errors.", default=None)
    user: User | None = field(description="Null when there are errors.", default=None)
    user_errors: list[UserError] = user_errors()

    @classmethod
    def of(cls, context: Context, row: Row, grant: Grant) -> Self:
        return cls(session=authentication_session(context, row, grant), user=User.of(row, proven=True))


async def register(tx: Transaction, context: Context, input: RegisterInput) -> RegisterPayload:
    resources = context.resources
    await resources.throttle.count_failure(
        resources.database, resources.throttle.registrations(context.client_address)
    )
    row = await accounts.register(tx, email=input.email, password=input.password, name=input.name)
    await email_verification.introduce(tx, resources.throttle, resources.outbox, row)
    return RegisterPayload.of(context, row, await started(tx, context, row))


async def login(tx: Transaction, context: Context, input: LoginInput) -> LoginPayload:
    # Without the transaction: no connection may be held while the password is verified.
    resources = context.resources
    row = await sign_in.login(
        resources.database,
        resources.metrics,
        resources.throttle,
        email=input.email,
        password=input.password,
        client_address=context.client_address,
    )
    keys = sign_in.throttle_keys(resources.throttle, input.email, context.client_address)
    await sign_in.settle(tx, resources.throttle, keys, row)
    return LoginPayload.of(context, row, await started(tx, context, row))


@strawberry.type
class AccountMutations:
    register = mutation(
        register,
        policy=PUBLIC,
        description="Makes a student's account and signs it in. The answer is the same whether or not the address is "
        "somebody's already: the address belongs to the account that proves it, see `verifyEmail`.",
    )
    login = mutation(
        login,
        policy=PUBLIC,
        description="Signs in with e-mail address and password. After five wrong ones a minute, for an account or from an "
        "address, RATE_LIMITED with `retryAfterSeconds`, longer each time.",
    )
