"""How far somebody is in a video."""

from datetime import datetime
from typing import Any, Self

import strawberry

from graphql_schema.fields import field
from graphql_schema.node import Node, global_id, is_node
from graphql_schema.permissions import PUBLIC, policy


@is_node(lambda loaders: loaders.learning.video_progress, key=tuple)
@strawberry.type(
    description="How far somebody is in a video. For themselves, the course's instructors and administrators."
)
@policy(PUBLIC)
class VideoProgress(Node):
    position_seconds: float = field(description="Where they were last, by their own clock, on any device.")
    watched_seconds: float = field(description="Distinct seconds of it that they have watched; never less.")
    watched_share: float = field(description="The same as a share of its length, 0 to 1.")
    updated_at: datetime = field(description="When they were at that position, by their own clock.")

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        return cls(
            id=global_id("VideoProgress", row["pair"]),
            position_seconds=row["position_ms"] / 1000,
            watched_seconds=row["watched_ms"] / 1000,
            watched_share=row["watched_share"],
            updated_at=row["position_at"],
        )
