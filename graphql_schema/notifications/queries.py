"""What the viewer is told."""

from typing import Annotated, Any

import strawberry

from app.notifications import reads
from graphql_schema.context import Info
from graphql_schema.edges import edge
from graphql_schema.notifications.types import Notification, NotificationConnection, NotificationPreference
from graphql_schema.pagination import AfterArgument, FirstArgument, check_first, decode_cursor
from graphql_schema.permissions import PUBLIC, policy

_KINDS = 10  # for the node limit


@strawberry.type
@policy(PUBLIC)
class NotificationsViewer:
    """What notifications put into `Viewer`."""

    user_id: strawberry.Private[int]
    notification_preferences: list[NotificationPreference] = edge(
        lambda loaders: loaders.notifications.preferences,
        key="user_id",
        description="How the viewer wants to hear of each kind.",
        list_size=_KINDS,
    )

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="What the viewer was told, the newest first. Later ones come before: `after` goes back in time."
    )
    async def notifications(
        self,
        info: Info,
        first: FirstArgument,
        after: AfterArgument = None,
        unread_only: Annotated[bool, strawberry.argument(description="Leave out what was read.")] = False,
    ) -> NotificationConnection:
        check_first(first)
        start: Any = None if after is None else decode_cursor(after, reads.CURSOR)
        rows = await reads.notifications_page(
            info.context.resources.database, self.user_id, first + 1, start, unread_only=unread_only
        )
        return NotificationConnection.of_rows(
            rows, first, Notification.of, ordered_by=tuple(reads.CURSOR), continued=start is not None
        )

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="How many of `notifications` are unread. Kept as a number: asking costs little."
    )
    async def unread_count(self, info: Info) -> int:
        row = await info.context.loaders.notifications.counter.load(self.user_id)
        return 0 if row is None else int(row["unread"])
