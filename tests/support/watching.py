"""Videos to watch, learners who may, and what their players report."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.database import Database, Query
from app.identity.models import Role
from app.learning.beats import Beat, BeatEvent
from graphql_schema.node import global_id
from tests.factories.catalog import make_course, run
from tests.factories.identity import MadeUser, make_user

_WATCHED = Query("SELECT user_id, video_id, watched FROM video_progress ORDER BY 1, 2", (), {})


@dataclass(frozen=True)
class Watching:
    """A course of videos, and somebody who learns in it."""

    learner: MadeUser
    lead: MadeUser
    course: int
    lessons: list[int]
    videos: list[int]

    @property
    def video_ids(self) -> list[str]:
        return [global_id("Video", number) for number in self.videos]


async def make_watching(
    database: Database, *, videos: int = 1, seconds: float = 600, state: str = "active"
) -> Watching:
    """Each video `seconds` long."""
    lead = await make_user(database, Role.INSTRUCTOR)
    learner = await make_user(database)
    course = await make_course(database, lead.actor, lessons=(videos,))
    rows = await run(
        database,
        "WITH changed AS (UPDATE lessons SET kind = 'video' WHERE course_id = $1 RETURNING id)"
        " INSERT INTO video_metadata (lesson_id, duration_ms) SELECT id, $2 FROM changed ORDER BY id"
        " RETURNING id, lesson_id",
        course.number,
        round(seconds * 1000),
    )
    await enroll(database, learner.number, course.number, state)
    return Watching(
        learner, lead, course.number, [row["lesson_id"] for row in rows], [row["id"] for row in rows]
    )


async def enroll(database: Database, user: int, course: int, state: str = "active") -> None:
    """As a row: how it comes about is another test's."""
    await run(
        database,
        "INSERT INTO enrollments (user_id, course_id, state, enrolled_at, completed_at, waitlist_number)"
        " VALUES ($1, $2, $3, now(), CASE WHEN $3 = 'completed' THEN now() END, CASE WHEN $3 = 'waitlisted' THEN 1 END)",
        user,
        course,
        state,
    )


def reported(video_id: str, **changes: Any) -> dict[str, Any]:
    """A beat as a client sends it: ten seconds watched, just now."""
    return {
        "videoId": video_id,
        "viewingKey": "viewing-1",
        "event": "HEARTBEAT",
        "positionSeconds": 10.0,
        "watchedFrom": 0.0,
        "watchedTo": 10.0,
        "clientSequence": 1,
        "clientTime": datetime.now(UTC).isoformat(),
        **changes,
    }


def ago(**time: float) -> str:
    return (datetime.now(UTC) - timedelta(**time)).isoformat()


def beat(
    video: int,
    start: float,
    stop: float,
    *,
    at: float,
    sequence: int,
    key: str = "viewing-1",
    event: BeatEvent = BeatEvent.HEARTBEAT,
    position: float | None = None,
) -> Beat:
    """For the recorder: `at` in seconds since 1970."""
    return Beat(
        video, key, event, stop if position is None else position, start, stop, sequence, round(at * 1000)
    )


async def watched(database: Database) -> dict[tuple[int, int], list[int]]:
    return {
        (row["user_id"], row["video_id"]): [
            edge for part in row["watched"] for edge in (part.lower, part.upper)
        ]
        for row in await database.fetch(_WATCHED)
    }
