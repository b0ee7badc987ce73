"""What a video is played from: of who may watch without being asked about from a cache, of others with the question."""

from typing import Any, Final, NamedTuple

from app.cache import PUBLIC, Public
from app.catalog import reads as catalog
from app.catalog.cards import VIDEO_FILES
from app.learning import reads
from loaders.batching import DomainLoaders, Loader, Row, Source

_NAME: Final = "playable_video"


class PlaybackKey(NamedTuple):
    """A video, and what its lesson's row has said a moment ago."""

    video_id: int
    is_open: bool
    """Whether anybody may watch it."""


class PlayableVideo:
    """The loader: rows of `reads.playable_videos`, by PlaybackKey; None for what may not be watched, or has no file.

    Preview lessons are everybody's, and administrators see all: there nothing is left to ask, and where the files lie is
    cached. Whether others are enrolled or teach must be asked each time, and the words about the video come with that: a
    cache would add a trip and spare none.
    """

    def __get__(self, domain: DomainLoaders, owner: type[DomainLoaders]) -> Loader[Row | None]:
        loader = domain.__dict__[_NAME] = self._make(domain.source)
        return loader

    def _make(self, source: Source) -> Loader[Row | None]:
        series = source.metrics.loader_batch.labels(_NAME)
        everything = source.actor.is_admin
        audience = "teachers" if everything else "everybody"

        async def compute(_audience: Public, keys: list[int]) -> dict[int, Any]:
            return {row["id"]: dict(row) for row in await catalog.video_files(source.connection, keys)}

        async def read_batch(keys: list[PlaybackKey]) -> list[Row | None]:
            series.observe(len(keys))
            known = [key.video_id for key in keys if everything or key.is_open]
            others = [key.video_id for key in keys if not (everything or key.is_open)]
            found: dict[int, Row] = {}
            if known:
                files = await source.cache.get_many(VIDEO_FILES, PUBLIC, known, compute)
                found = {
                    video: {**row, "audience": audience}
                    for video, row in files.items()
                    if row["manifest_key"]
                }
            if others:
                rows = await reads.playable_videos(source.connection, others, source.actor)
                found |= {row["id"]: row for row in rows}
            return [found.get(key.video_id) for key in keys]

        return Loader(read_batch)
