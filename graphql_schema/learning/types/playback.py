"""How a video is played: signed links that its viewers share, so that caches hold."""

import time
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


def _link(source: Any, info: GraphQLResolveInfo[Any]) -> MediaLink:
    link: MediaLink = info.context.resources.storage.media_link(
        stream_folder(source.key), source.audience, LIFETIME, now=source.made_at
    )
    return link


def _address(source: Any, info: GraphQLResolveInfo[Any]) -> str:
    return f"{_link(source, info).base}{source.key.removeprefix(stream_folder(source.key))}"


def _stream_address(source: Any, info: GraphQLResolveInfo[Any]) -> str:
    info.context.resources.metrics.playback_links.labels(source.audience).inc()
    return _address(source, info)


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
    made_at: strawberry.Private[float]
    language: str = field(description="BCP 47 tag in lower case.")
    url: str = _signed(
        _address,
        description="A WebVTT file. On a page of another origin than the API's, the `<video>` around it has to say "
        '`crossorigin="anonymous"`.',
    )


@strawberry.type(description="How to play a video. For who may see the lesson's content.")
@policy(PUBLIC)
class VideoPlayback:
    id: strawberry.ID = field(description="Opaque; one for each video.")
    key: strawberry.Private[str]
    audience: strawberry.Private[str]
    made_at: strawberry.Private[float]
    """One moment for all links of an answer: made of two, one could end an hour before `expiresAt`."""
    url: str = _signed(
        _stream_address,
        description="Its stream (HLS or DASH) or its only file. What the stream names by relative addresses is reached "
        "under the same link.",
    )
    expires_at: datetime = _signed(
        lambda source, info: _link(source, info).expires_at,
        description="When the links end, five minutes from now at least: ask again before.",
    )
    captions: list[VideoCaption] = field(description="In the order of its author, at most 50.")

    @classmethod
    def of(cls, row: Row) -> Self:
        audience, made_at = row["audience"], time.time()
        return cls(
            id=global_id("VideoPlayback", row["id"]),
            key=row["manifest_key"],
            audience=audience,
            made_at=made_at,
            captions=[
                VideoCaption(
                    key=caption["key"], language=caption["language"], audience=audience, made_at=made_at
                )
                for caption in row["captions"] or ()
            ],
        )
