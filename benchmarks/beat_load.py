"""500 viewers of 20 videos, what they report, and what must have come of it."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import asyncpg

from benchmarks.load import WrongAnswerError
from graphql_schema.node import global_id

VIEWERS, VIDEOS = 500, 20
LENGTH = 3_600  # seconds of a video
FILL = (
    f"INSERT INTO users (email, email_key, name) SELECT i, i, 'Viewer' FROM generate_series(1, {VIEWERS}) AS i",
    "INSERT INTO courses (slug, title, instructor_id, status, published_at) VALUES ('c', 'C', 1, 'published', now())",
    f"INSERT INTO course_stats (course_id, lesson_count, enrollment_count) VALUES (1, {VIDEOS}, {VIEWERS})",
    "INSERT INTO modules (course_id, title, position) VALUES (1, 'M', 1)",
    f"""
    INSERT INTO lessons (course_id, module_id, title, kind, position)
    SELECT 1, 1, 'L', 'video', i FROM generate_series(1, {VIDEOS}) AS i
    """,
    f"INSERT INTO video_metadata (lesson_id, duration_ms) SELECT id, {LENGTH} * 1000 FROM lessons ORDER BY id",
    "INSERT INTO enrollments (user_id, course_id, state, enrolled_at) SELECT id, 1, 'active', now() FROM users",
)
Ranges = dict[tuple[int, int], set[tuple[int, int]]]
"""Of a person and a video: milliseconds from, to."""


class Viewers:
    """Each watches one video after the other, ten seconds a beat, as it was twenty hours ago and since."""

    def __init__(self) -> None:
        self._began = datetime.now(UTC) - timedelta(hours=20)
        self._numbers = [count() for _ in range(VIEWERS)]
        self.sent: Ranges = {}

    def beats(self, viewer: int, number: int) -> list[dict[str, Any]]:
        made = []
        for _ in range(number):
            place = next(self._numbers[viewer - 1])
            stretch, begin = divmod(place * 10, LENGTH)
            video = 1 + (viewer + stretch) % VIDEOS
            self.sent.setdefault((viewer, video), set()).add((begin * 1000, begin * 1000 + 10_000))
            made.append(
                {
                    "videoId": global_id("Video", video),
                    "viewingKey": f"viewing-{viewer}-{stretch}",
                    "event": "HEARTBEAT",
                    "positionSeconds": begin + 10.0,
                    "watchedFrom": float(begin),
                    "watchedTo": begin + 10.0,
                    "clientSequence": place,
                    "clientTime": (self._began + timedelta(seconds=10 * place)).isoformat(),
                }
            )
        return made


async def fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in FILL:
        await connection.execute(statement)
    await connection.execute("ANALYZE")
    await connection.close()


async def check(url: str, sent: Ranges) -> None:
    """Raises WrongAnswerError unless PostgreSQL holds exactly the union of what was sent."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT user_id, video_id, watched, watched_ms FROM video_progress")
    await connection.close()
    found = {
        (row["user_id"], row["video_id"]): (
            [(part.lower, part.upper) for part in row["watched"]],
            row["watched_ms"],
        )
        for row in rows
    }
    for key in sorted(found.keys() | sent.keys()):
        whole = united(sent.get(key, set()))
        expected = whole, sum(end - begin for begin, end in whole)
        if found.get(key) != expected:
            raise WrongAnswerError(f"{key}: {found.get(key)} instead of {expected}")


def united(ranges: set[tuple[int, int]]) -> list[tuple[int, int]]:
    parts: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        if parts and begin <= parts[-1][1]:
            parts[-1] = parts[-1][0], max(end, parts[-1][1])
        else:
            parts.append((begin, end))
    return parts
