"""How a video is played: signed links that its viewers share, so that caches hold."""

from datetime import datetime
from typing import Any, Self

import strawberry
from graphql import GraphQLResolveInfo

from app.catalog.service.videos import stream_folder
from app.storage import MediaLink
from graphql_schema.fields import field
from graphql_schema.node import global_id
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row

LIFETIME = 3600 + 300
"""Seconds a link lives: the same one is given out for an hour, and has five minutes left at least."""


def _link(info: GraphQLResolveInfo[Any], key: str, audience: str) -> MediaLink:
    link: MediaLink = info.context.resources.storage.media_link(stream_folder(key), audience, LIFETIME)
    return link


def _address(info: GraphQLResolveInfo[Any], key: str, audience: str) -> str:
    return f"{_link(info, key, audience).base}{key.removeprefix(stream_folder(key))}"


def _signed(resolve: Any, *, description: str) -> Any:
    """A value that is made when it is asked for; nothing is awaited."""
    return strawberry.field(
        description=description, default=None, metadata={"policy": None, "resolve": resolve}
    )


@strawberry.type(description="Captions of a video in one language.")
@policy(PUBLIC)
class VideoCaption:
    key: strawberry.Private[str]
    audience: strawberry.Private[str]
    language: str = field(description="BCP 47 tag in lower case.")
    url: str = _signed(
        lambda source, info: _address(info, source.key, source.audience), description="A WebVTT file."
    )


@strawberry.type(description="How to play a video. For who may see the lesson's content.")
@policy(PUBLIC)
class VideoPlayback:
    id: strawberry.ID = field(description="Opaque; one for each video.")
    key: strawberry.Private[str]
    audience: strawberry.Private[str]
    url: str = _signed(
        lambda source, info: _address(info, source.key, source.audience),
        description="Its stream (HLS or DASH) or its only file. What the stream names by relative addresses is reached "
        "under the same link.",
    )
    expires_at: datetime = _signed(
        lambda source, info: _link(info, source.key, source.audience).expires_at,
        description="When the links end, five minutes from now at least: ask again before.",
    )
    captions: list[VideoCaption] = field(description="In the order of its author, at most 50.")

    @classmethod
    def of(cls, row: Row) -> Self:
        audience = row["audience"]
        return cls(
            id=global_id("VideoPlayback", row["id"]),
            key=row["manifest_key"],
            audience=audience,
            captions=[
                VideoCaption(key=caption["key"], language=caption["language"], audience=audience)
                for caption in row["captions"] or ()
            ],
        )
