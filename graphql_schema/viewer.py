"""The one who asks: `Viewer`, put together from what each domain knows of them."""

from typing import Self

import strawberry

from graphql_schema.catalog.queries import CatalogViewer
from graphql_schema.context import Info
from graphql_schema.identity.types import IdentityViewer
from graphql_schema.learning.queries import LearningViewer
from graphql_schema.node import global_id
from graphql_schema.notifications.queries import NotificationsViewer
from graphql_schema.operations.queries import OperationViewer
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row


@strawberry.type(description="The one who asks.")
@policy(PUBLIC)
class Viewer(IdentityViewer, OperationViewer, CatalogViewer, LearningViewer, NotificationsViewer):
    @classmethod
    def of(cls, row: Row) -> Self:
        """From the row of the account."""
        return cls(id=global_id("Viewer", row["id"]), user_id=row["id"])


async def _viewer(info: Info) -> Viewer | None:
    user_id = info.context.actor.user_id
    # The account may be gone while its token lives. The row is read once: `user` finds it in the loader.
    row = None if user_id is None else await info.context.loaders.identity.user.load(user_id)
    return None if row is None else Viewer.of(row)


@strawberry.type
class ViewerQuery:
    viewer: Viewer | None = strawberry.field(
        resolver=_viewer, description="The one who asks; null when anonymous.", metadata={"policy": PUBLIC}
    )
