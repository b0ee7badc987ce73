"""What the viewer learns."""

import strawberry

from graphql_schema.edges import edge
from graphql_schema.learning.types.invitations import Invitation
from graphql_schema.permissions import PUBLIC, policy

_INVITATIONS = 5  # for the node limit: few are invited to more courses at a time


@strawberry.type
@policy(PUBLIC)
class LearningViewer:
    """What learning puts into `Viewer`."""

    user_id: strawberry.Private[int]
    invitations: list[Invitation] = edge(
        lambda loaders: loaders.learning.invitations_of_user,
        key="user_id",
        description="To the viewer's proved address, of published courses that they are not enrolled in; the latest 100.",
        list_size=_INVITATIONS,
    )
