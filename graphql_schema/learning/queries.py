"""What the viewer learns."""

import strawberry

from graphql_schema.permissions import PUBLIC, policy


@strawberry.type
@policy(PUBLIC)
class LearningViewer:
    """What learning puts into `Viewer`."""

    user_id: strawberry.Private[int]
