"""Who asks."""

import strawberry

from graphql_schema.context import Info
from graphql_schema.identity.types import Viewer
from graphql_schema.permissions import PUBLIC


async def _viewer(info: Info) -> Viewer | None:
    user_id = info.context.actor.user_id
    # The account may be gone while its token lives. The row is read once: `user` finds it in the loader.
    if user_id is None or await info.context.loaders.identity.user.load(user_id) is None:
        return None
    return Viewer.of(user_id)


@strawberry.type
class IdentityQueries:
    viewer: Viewer | None = strawberry.field(
        resolver=_viewer, description="The one who asks; null when anonymous.", metadata={"policy": PUBLIC}
    )
