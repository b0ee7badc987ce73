"""What one tells of oneself."""

import strawberry

from app.database import Transaction
from app.identity.service import profile
from graphql_schema.context import Context
from graphql_schema.fields import field
from graphql_schema.identity.types import User
from graphql_schema.mutation import UserError, mutation, user_errors
from graphql_schema.permissions import PUBLIC, SIGNED_IN, policy


@strawberry.input(description="What to change of the viewer's own account; at least one field.")
class UpdateProfileInput:
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="Shown to others, 1 to 100 characters. Null is refused."
    )
    locale: str | None = strawberry.field(
        default=strawberry.UNSET, description="A language tag such as pt-BR; null forgets it."
    )
    time_zone: str | None = strawberry.field(
        default=strawberry.UNSET, description="A name such as Europe/Lisbon; null forgets it."
    )


@strawberry.type(description="The viewer's account.")
@policy(PUBLIC)
class UpdateProfilePayload:
    user: User | None = field(description="As it now is; null when there are errors.", default=None)
    user_errors: list[UserError] = user_errors()


async def update_profile(
    tx: Transaction, context: Context, input: UpdateProfileInput
) -> UpdateProfilePayload:
    given = {
        name: value
        for name in ("name", "locale", "time_zone")
        if (value := getattr(input, name)) is not strawberry.UNSET
    }
    row = await profile.update_profile(tx, context.actor, **given)
    return UpdateProfilePayload(user=User.of(row))


@strawberry.type
class ProfileMutations:
    update_profile = mutation(
        update_profile,
        policy=SIGNED_IN,
        description="Changes the viewer's name, locale or time zone: the fields that are given.",
    )
