"""The one who asks: `Viewer`, put together from what each domain knows of them."""

import strawberry

from graphql_schema.catalog.queries import CatalogViewer
from graphql_schema.context import Info
from graphql_schema.identity.types import IdentityViewer
from graphql_schema.node import global_id
from graphql_schema.operations.queries import OperationViewer
from graphql_schema.permissions import PUBLIC, policy


@strawberry.type(description="The one who asks.")
@policy(PUBLIC)
class Viewer(IdentityViewer, OperationViewer, CatalogViewer):
    pass


async def _viewer(info: Info) -> Viewer | None:
    user_id = info.context.actor.user_id
    # The account may be gone while its token lives. The row is read once: `user` finds it in the loader.
    if user_id is None or await info.context.loaders.identity.user.load(user_id) is None:
        return None
    return Viewer(id=global_id("Viewer", user_id), user_id=user_id)


@strawberry.type
class ViewerQuery:
    viewer: Viewer | None = strawberry.field(
        resolver=_viewer, description="The one who asks; null when anonymous.", metadata={"policy": PUBLIC}
    )
