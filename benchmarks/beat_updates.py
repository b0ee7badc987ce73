"""Lectern with one difference: each beat is written to PostgreSQL in a statement of its own, as it comes.

Everything before that is the product's: both doors, the token, what is known of videos and learners, the checks. It keeps no
viewings and completes no lessons, so that it has less to write than Lectern.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import app.asgi
from app.database import Database, Query
from app.learning.beats import BeatRejection, Recorder
from app.learning.beats.merging import Group, measured
from app.learning.beats.pacing import USUAL
from app.learning.video_progress import moment
from app.resources import Resources, open_resources
from app.settings import Settings

_UPSERT = Query(
    """
INSERT INTO video_progress AS there
    (user_id, video_id, lesson_id, course_id, position_ms, position_at, position_sequence, watched, watched_ms)
SELECT $1, video.id, lesson.id, lesson.course_id, $3, $4, $5, int4multirange(int4range($6, $7)), $7::int - $6::int
FROM video_metadata AS video JOIN lessons AS lesson ON lesson.id = video.lesson_id WHERE video.id = $2
ON CONFLICT (user_id, video_id) DO UPDATE SET
    (position_at, position_sequence, position_ms) = (
        SELECT at, sequence, ms FROM (VALUES
            (there.position_at, there.position_sequence, there.position_ms),
            (excluded.position_at, excluded.position_sequence, excluded.position_ms)
        ) AS position (at, sequence, ms)
        ORDER BY at DESC, sequence DESC, ms DESC LIMIT 1),
    watched = there.watched + excluded.watched,
    watched_ms = (SELECT sum(upper(part) - lower(part)) FROM unnest(there.watched + excluded.watched) AS part),
    updated_at = now()
""",
    ("user_id", "video_id", "position", "at", "sequence", "start", "stop"),
    {},
)


class _Direct(Recorder):
    def __init__(self, resources: Resources) -> None:
        access = resources.progress_recorder.access
        super().__init__(resources.progress_buffer, access, resources.metrics)
        self._database: Database = resources.database

    async def _buffered(
        self,
        user_id: int,
        groups: Group,
        device: str,  # noqa: ARG002 - there are no viewings
        refused: dict[int, BeatRejection],
    ) -> int:
        for (video, _), group in groups.items():
            for each in measured(group, refused.__setitem__):
                await self._database.fetch(
                    _UPSERT,
                    user_id=user_id,
                    video_id=video,
                    position=each.span.position,
                    at=moment(each.beat.at),
                    sequence=each.beat.sequence,
                    start=each.span.start,
                    stop=each.span.stop,
                )
        return USUAL


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Resources]:
    async with open_resources(settings) as resources:
        yield replace(resources, progress_recorder=_Direct(resources))


def create_app() -> Any:
    app.asgi.open_resources = _opened  # type: ignore[attr-defined]
    return app.asgi.create_app(Settings())
