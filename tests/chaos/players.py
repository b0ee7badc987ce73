"""Players that report without pause, and remember what was accepted and when: each beat is two seconds of a video that no
other beat has watched, so that afterwards it is known of each whether it is there.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx

from app.keyvalue import KeyValue
from app.learning.progress_buffer import Pair, ProgressBuffer, union
from app.settings import ProgressSettings, RedisSettings
from app.telemetry import Metrics
from graphql_schema.node import global_id
from tests.support.watching import reported
from tests.workers.surviving.processes import until

VIEWERS, VIDEOS = 24, 4
PAUSE = 0.12  # seconds of a player between two beats: some 150 a second are accepted in all
SECONDS = 36_000  # of a video
BOUND = 2.0
"""Seconds: what was accepted longer before its host's death is never lost."""
SLOW_DISK = "the bound is broken; if the disk is so busy that a sync takes a second or more, that breaks it"
_AGAIN = 0.1  # seconds until a beat that was not taken is sent again

FILL = (
    "INSERT INTO users (email, email_key, name) SELECT i, i, 'Viewer' FROM generate_series(1, {viewers}) AS i",
    "INSERT INTO courses (slug, title, instructor_id, status, published_at) SELECT 'c', 'C', min(id), 'published', now() FROM users",
    "INSERT INTO course_stats (course_id, lesson_count, enrollment_count) SELECT id, {videos}, {viewers} FROM courses",
    "INSERT INTO modules (course_id, title, position) SELECT id, 'M', 1 FROM courses",
    """
    INSERT INTO lessons (course_id, module_id, title, kind, position)
    SELECT course_id, id, 'L', 'video', i FROM modules, generate_series(1, {videos}) AS i
    """,
    "INSERT INTO video_metadata (lesson_id, duration_ms) SELECT id, {seconds} * 1000 FROM lessons",
    """
    INSERT INTO enrollments (user_id, course_id, state, enrolled_at)
    SELECT users.id, courses.id, 'active', now() FROM users, courses
    """,
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A beat that an answer has accepted."""

    pair: Pair
    number: int
    start: int
    """Milliseconds of the video; it ends two seconds later."""
    sent: Mapping[str, Any]
    at: float
    """When the answer came, by the monotonic clock."""


async def fill(database_url: str) -> tuple[list[int], list[int]]:
    """Viewers and videos, in an empty database."""
    connection = await asyncpg.connect(database_url)
    try:
        for statement in FILL:
            await connection.execute(statement.format(viewers=VIEWERS, videos=VIDEOS, seconds=SECONDS))
        users = await connection.fetch("SELECT id FROM users ORDER BY id")
        videos = await connection.fetch("SELECT id FROM video_metadata ORDER BY id")
    finally:
        await connection.close()
    return [row["id"] for row in users], [row["id"] for row in videos]


class Players:
    """One of each viewer, each with its access token. `stop` returns when all that was sent is accepted."""

    def __init__(self, url: str, tokens: Mapping[int, str], videos: Sequence[int]) -> None:
        self._tokens, self._videos = tokens, videos
        self._client = httpx.AsyncClient(base_url=url, timeout=30)
        self._numbers = dict.fromkeys(tokens, 0)
        self._tasks: list[asyncio.Task[None]] = []
        self._asked: set[object] = set()
        """Requests without an answer."""
        self.playing = False
        self.taken: list[Taken] = []

    @property
    def pairs(self) -> list[Pair]:
        return [(viewer, video) for viewer in self._tokens for video in self._videos]

    def start(self) -> None:
        self.playing = True
        self._tasks = [asyncio.create_task(self._play(viewer)) for viewer in self._tokens]

    async def play(self, seconds: float) -> None:
        """Lets them play for so long, and then go on."""
        if not self._tasks:
            self.start()
        ended, _ = await asyncio.wait(self._tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()

    async def stop(self) -> None:
        self.playing = False
        tasks, self._tasks = self._tasks, []
        await asyncio.gather(*tasks)

    async def send_again(self, beats: Iterable[Taken]) -> None:
        """Each player its own, in the order in which they were made."""
        of_viewers: dict[int, list[Taken]] = {}
        for each in beats:
            of_viewers.setdefault(each.pair[0], []).append(each)

        async def send(own: list[Taken]) -> None:
            for each in own:
                await self._send(each.pair[0], each.sent)

        await asyncio.gather(*map(send, of_viewers.values()))

    async def missing(self, redis_url: str, database_url: str | None = None) -> list[Taken]:
        """What was accepted so far and is nowhere."""
        # Who was answered before a death may hear of it later. What is accepted while we look may not be there yet.
        asked = set(self._asked)
        while asked & self._asked:  # noqa: ASYNC110 - other tasks' requests
            await asyncio.sleep(0.01)
        taken = list(self.taken)
        return missing(taken, await found(redis_url, self.pairs, database_url))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def _play(self, viewer: int) -> None:
        while self.playing:
            number = self._numbers[viewer]
            self._numbers[viewer] += 1
            lap, place = divmod(number, len(self._videos))
            video, start = self._videos[place], lap * 3
            sent = reported(
                global_id("Video", video),
                viewingKey=f"viewing-{lap // 50}",
                clientSequence=number,
                clientTime=datetime.now(UTC).isoformat(),
                watchedFrom=start,
                watchedTo=start + 2,
                positionSeconds=start + 2,
            )
            at = await self._send(viewer, sent)
            self.taken.append(Taken((viewer, video), number, start * 1000, sent, at))
            await asyncio.sleep(PAUSE)

    async def _send(self, viewer: int, beat: Mapping[str, Any]) -> float:
        """Until it is accepted. Returns when the answer came."""
        headers = {"Authorization": f"Bearer {self._tokens[viewer]}"}
        while True:
            request = object()
            self._asked.add(request)
            try:
                answer = await self._client.post("/progress", json={"beats": [beat]}, headers=headers)
            except httpx.TransportError:
                # A connection that the server has closed: nobody used it while a host started again.
                continue
            finally:
                self._asked.discard(request)
            at = time.monotonic()
            body = answer.json()
            if answer.status_code == 202 and body["accepted"] == 1:
                return at
            # Nothing else is to be expected of a server whose Redis or PostgreSQL is away.
            assert answer.status_code == 503 or body["rejected"][0]["code"] == "RETRY_LATER", body
            await asyncio.sleep(_AGAIN)


async def found(
    redis_url: str, pairs: Sequence[Pair], database_url: str | None = None
) -> dict[Pair, list[int]]:
    """Watched ranges (milliseconds, flat) as whoever shows progress sees them: the buffer first, then PostgreSQL, united."""
    keyvalue = KeyValue(RedisSettings(url=redis_url, command_timeout=10))
    try:
        buffered = await ProgressBuffer(keyvalue, ProgressSettings(), Metrics()).peek(pairs)
    finally:
        await keyvalue.close()
    ranges = {pair: state.watched for pair, state in buffered.items()}
    if database_url is not None:
        for pair, watched in (await written(database_url)).items():
            ranges[pair] = union([watched, ranges.get(pair, [])])
    return ranges


async def written(database_url: str) -> dict[Pair, list[int]]:
    """What PostgreSQL has."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch("SELECT user_id, video_id, watched FROM video_progress")
    finally:
        await connection.close()
    return {
        (row["user_id"], row["video_id"]): [
            edge for part in row["watched"] for edge in (part.lower, part.upper)
        ]
        for row in rows
    }


def missing(taken: Iterable[Taken], ranges: Mapping[Pair, Sequence[int]]) -> list[Taken]:
    """Accepted beats of which any millisecond is not there. No two beats touch, so each is a range of its own."""
    there = {pair: set(zip(held[::2], held[1::2], strict=True)) for pair, held in ranges.items()}
    return [each for each in taken if (each.start, each.start + 2000) not in there.get(each.pair, set())]


def oldest(moment: float, lost: Iterable[Taken]) -> float:
    """For how many seconds the oldest of them was accepted at that moment; 0 where there is none."""
    return max((moment - each.at for each in lost), default=0.0)


async def settled(players: Players, redis_url: str, database_url: str) -> None:
    """Waits until nothing waits. Then PostgreSQL must have each accepted millisecond and no other, each viewing once, and
    each viewer's latest position.
    """
    keyvalue = KeyValue(RedisSettings(url=redis_url, command_timeout=10))
    buffer = ProgressBuffer(keyvalue, ProgressSettings(), Metrics())

    async def empty() -> bool:
        return (await buffer.measure())[0] == 0

    try:
        await until(empty)
    finally:
        await keyvalue.close()
    assert await written(database_url) == whole(players.taken)
    connection = await asyncpg.connect(database_url)
    try:
        positions = await connection.fetch("SELECT user_id, video_id, position_ms FROM video_progress")
        viewings = await connection.fetch("SELECT user_id, video_id, viewing_key FROM watch_sessions")
    finally:
        await connection.close()
    assert {(row["user_id"], row["video_id"]): row["position_ms"] for row in positions} == {
        each.pair: each.start + 2000 for each in sorted(players.taken, key=lambda each: each.number)
    }
    assert sorted(map(tuple, viewings)) == sorted(
        {(*each.pair, str(each.sent["viewingKey"])) for each in players.taken}
    )


def whole(taken: Iterable[Taken]) -> dict[Pair, list[int]]:
    """What is to be found where nothing is missing and nothing was added."""
    ranges: dict[Pair, list[list[int]]] = {}
    for each in taken:
        ranges.setdefault(each.pair, []).append([each.start, each.start + 2000])
    return {pair: union(parts) for pair, parts in ranges.items()}
