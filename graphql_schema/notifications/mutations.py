"""Reading what one was told, and choosing what one wants to be told."""

from typing import Annotated
from uuid import UUID

import strawberry
from graphql import GraphQLError

from app.database import Transaction
from app.errors import DomainError
from app.notifications import reads, service
from app.notifications.errors import NotificationNotFound
from app.notifications.kinds import NotificationKind
from graphql_schema.context import Context
from graphql_schema.edges import edge
from graphql_schema.fields import field
from graphql_schema.mutation import UserError, mutation, user_errors
from graphql_schema.node import uuid_of
from graphql_schema.notifications.types import NotificationPreference
from graphql_schema.pagination import PAGE_LIMIT, decode_cursor
from graphql_schema.permissions import PUBLIC, SIGNED_IN, policy

ViewerReference = Annotated["Viewer", strawberry.lazy("graphql_schema.viewer")]  # type: ignore[name-defined] # noqa: F821


@strawberry.input(description="Which notifications were read: exactly one of these.")
class MarkNotificationsReadInput:
    ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="These, 1 to 100; what was read before stays so."
    )
    up_to: str | None = strawberry.field(
        default=None,
        description="This cursor of `Viewer.notifications` and all that is older: what came meanwhile stays unread.",
    )
    all: bool | None = strawberry.field(default=None, description="True: all there are.")


@strawberry.type(description="What is left to read.")
@policy(PUBLIC)
class MarkNotificationsReadPayload:
    user_id: strawberry.Private[int | None] = None
    unread_count: int | None = field(
        description="How many are unread now; null when there are errors.", default=None
    )
    viewer: ViewerReference | None = edge(
        lambda loaders: loaders.identity.user,
        key="user_id",
        description="The one who asks, for caches; null when there are errors.",
    )
    user_errors: list[UserError] = user_errors()


@strawberry.input(description="How to hear of one kind. What is left out, or null, stays as it is.")
class NotificationPreferenceInput:
    kind: NotificationKind = strawberry.field(description="Of what.")
    in_app: bool | None = strawberry.field(
        default=None, description="In `Viewer.notifications`; what is there already stays."
    )
    mail: bool | None = strawberry.field(default=None, description="By a mail at once.")
    digest: bool | None = strawberry.field(default=None, description="In the daily mail.")


@strawberry.input(description="What to change of the viewer's preferences.")
class UpdateNotificationPreferencesInput:
    preferences: list[NotificationPreferenceInput] = strawberry.field(description="1 to 100, each kind once.")


@strawberry.type(description="The viewer's preferences.")
@policy(PUBLIC)
class UpdateNotificationPreferencesPayload:
    user_id: strawberry.Private[int | None] = None
    notification_preferences: list[NotificationPreference] | None = edge(
        lambda loaders: loaders.notifications.preferences,
        key="user_id",
        description="All of them, as they are now; null when there are errors.",
    )
    viewer: ViewerReference | None = edge(
        lambda loaders: loaders.identity.user,
        key="user_id",
        description="The one who asks, for caches; null when there are errors.",
    )
    user_errors: list[UserError] = user_errors()


async def mark_notifications_read(
    tx: Transaction, context: Context, input: MarkNotificationsReadInput
) -> MarkNotificationsReadPayload:
    actor = context.actor
    given = (input.ids is not None, input.up_to is not None, input.all is True)
    if sum(given) != 1:
        raise DomainError("Give exactly one of `ids`, `upTo` and `all: true`.", path=("input",))
    if input.ids is not None:
        unread = await service.mark_read(tx, actor, ids=_checked_ids(input.ids))
    elif input.up_to is not None:
        unread = await service.mark_read_up_to(tx, actor, position=_position(input.up_to))
    else:
        unread = await service.mark_all_read(tx, actor)
    return MarkNotificationsReadPayload(user_id=actor.user_id, unread_count=unread)


def _checked_ids(identifiers: list[strawberry.ID]) -> list[UUID]:
    if not 1 <= len(identifiers) <= PAGE_LIMIT:
        raise DomainError(f"Between 1 and {PAGE_LIMIT} ids.", path=("input", "ids"))
    ids = []
    for identifier in identifiers:
        number = uuid_of("Notification", identifier)
        if number is None:
            raise NotificationNotFound
        ids.append(number)
    return ids


def _position(cursor: str) -> int:
    try:
        return int(decode_cursor(cursor, reads.CURSOR)[0])
    except GraphQLError:
        raise DomainError("This is no cursor of `Viewer.notifications`.", path=("input", "upTo")) from None


async def update_notification_preferences(
    tx: Transaction, context: Context, input: UpdateNotificationPreferencesInput
) -> UpdateNotificationPreferencesPayload:
    choices = [
        service.Choice(given.kind, in_app=given.in_app, mail=given.mail, digest=given.digest)
        for given in input.preferences
    ]
    await service.update_preferences(tx, context.actor, choices=choices)
    return UpdateNotificationPreferencesPayload(user_id=context.actor.user_id)


@strawberry.type
class NotificationsMutations:
    mark_notifications_read = mutation(
        mark_notifications_read,
        policy=SIGNED_IN,
        description="Marks some of the viewer's notifications read, or all.",
    )
    update_notification_preferences = mutation(
        update_notification_preferences,
        policy=SIGNED_IN,
        description="Changes how the viewer hears of what comes from now on.",
    )
