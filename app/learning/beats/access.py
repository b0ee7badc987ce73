"""Whose progress of which videos is taken, known to the process without a statement."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.database import Database
from app.learning import reads
from app.learning.beats.answers import Answers
from app.learning.beats.pacing import RAREST
from app.settings import ProgressSettings

_VIDEOS, _LEARNERS = 50_000, 100_000
"""Entries of a process: some 60 MB when all are used."""
_KEPT = 2 * RAREST + 60
"""Seconds without a beat after which a viewer is no longer watching: who is asked to be slow may leave out one."""


class VideoFacts(NamedTuple):
    duration: int
    """Milliseconds."""
    course_id: int
    draft: bool


@dataclass(frozen=True, slots=True)
class Permits:
    """What is known of the videos that somebody reports of; `unknown`: what cannot be found out at the moment."""

    videos: Mapping[int, VideoFacts]
    courses: frozenset[int]
    """Those in which they are recorded: as learners. Instructors may watch, and leave no trace."""
    unknown_videos: frozenset[int]
    unknown_courses: frozenset[int]


class RecordingAccess:
    """One per process. A withdrawal is noticed within `access_lifetime`, however it came about; an enrolment at once."""

    def __init__(self, database: Database, settings: ProgressSettings) -> None:
        async def videos(keys: list[int]) -> dict[int, VideoFacts]:
            rows = await reads.videos_to_record(database, keys)
            return {row["id"]: VideoFacts(row["duration_ms"], row["course_id"], row["draft"]) for row in rows}

        async def learners(keys: list[tuple[int, int]]) -> dict[tuple[int, int], bool]:
            rows = await reads.recorded_learners(database, keys)
            return {(row["user_id"], row["course_id"]): True for row in rows}

        lifetime, patience = settings.access_lifetime, settings.outage_patience
        self.videos = Answers(videos, size=_VIDEOS, lifetime=lifetime, kept=_KEPT, patience=patience)
        self.learners = Answers(learners, size=_LEARNERS, lifetime=lifetime, kept=_KEPT, patience=patience)

    async def permits(self, user_id: int, video_ids: Iterable[int]) -> Permits:
        """Never raises for an outage: what cannot be found out is named. Holds no connection when it returns."""
        videos, unknown = await self.videos.of(video_ids)
        asked = {(user_id, facts.course_id) for facts in videos.values()}
        learning, unsure = await self.learners.of(asked)
        return Permits(
            videos,
            frozenset(course for _, course in learning),
            frozenset(unknown),
            frozenset(course for _, course in unsure),
        )

    async def close(self) -> None:
        await self.videos.close()
        await self.learners.close()
