"""Flushing on a real PostgreSQL and Valkey: what was reported arrives, once, whatever happens beside it."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.database import Query
from app.errors import Unavailable
from app.learning.beats import Beat, BeatEvent
from app.resources import Resources
from graphql_schema.node import global_id
from tests.factories.catalog import run
from tests.factories.identity import make_user
from tests.support.api import Api
from tests.support.watching import Watching, beat, enroll, make_watching, watched
from workers import learning
from workers.learning import Flusher

_PROGRESS = Query(
    "SELECT user_id, video_id, position_ms, watched, watched_ms, completed_at FROM video_progress ORDER BY 1, 2",
    (),
    {},
)
_VIEWINGS = Query("SELECT * FROM watch_sessions ORDER BY viewing_key", (), {})


@pytest.fixture
async def watching(resources: Resources) -> Watching:
    return await make_watching(resources.database, videos=3)


async def report(resources: Resources, watching: Watching, *beats: Beat, agent: str = "") -> None:
    answer = await resources.progress_recorder.record(watching.learner.number, beats, user_agent=agent)
    assert (answer.accepted, answer.rejected) == (len(beats), [])


async def unwritten(resources: Resources, outcome: str) -> float:
    return (
        resources.metrics.registry.get_sample_value("lectern_progress_unwritten_total", {"outcome": outcome})
        or 0.0
    )


async def test_what_was_reported_arrives(resources: Resources, watching: Watching) -> None:
    now = time.time()
    first, second, _ = watching.videos
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148"
    await report(
        resources,
        watching,
        beat(first, 0, 0, at=now - 50, sequence=0, event=BeatEvent.PLAY),
        beat(first, 0, 20, at=now - 30, sequence=1),
        beat(first, 20, 25.5, at=now - 20, sequence=2, event=BeatEvent.SEEK, position=100),
        beat(first, 100, 110, at=now - 10, sequence=3, event=BeatEvent.PAUSE),
        beat(second, 0, 1, at=now - 5, sequence=0, key="other"),
        agent=phone,
    )
    await Flusher(resources).flush()
    rows = await resources.database.fetch(_PROGRESS)
    assert [(row["video_id"], row["position_ms"], row["watched_ms"]) for row in rows] == [
        (first, 110_000, 35_500),
        (second, 1000, 1000),
    ]
    assert (await watched(resources.database))[watching.learner.number, first] == [
        0,
        25_500,
        100_000,
        110_000,
    ]
    viewing = (await resources.database.fetch(_VIEWINGS))[1]
    assert (viewing["viewing_key"], viewing["device_class"], viewing["video_id"]) == (
        "viewing-1",
        "phone",
        first,
    )
    assert [(part.lower, part.upper) for part in viewing["seeks"]] == [(2, 3)]
    assert abs(viewing["started_at"].timestamp() - (now - 50)) < 0.002
    assert abs(viewing["ended_at"].timestamp() - (now - 10)) < 0.002
    minted = datetime.fromtimestamp((viewing["id"].int >> 80) / 1000, UTC)
    assert abs(minted - datetime.now(UTC)) < timedelta(seconds=30)
    (enrollment,) = await run(resources.database, "SELECT * FROM enrollments")
    assert enrollment["last_lesson_id"] == watching.lessons[1]
    assert abs(enrollment["last_active_at"].timestamp() - (now - 5)) < 0.002
    assert await resources.progress_buffer.measure() == (0, 0.0, 0)


async def test_lessons_are_completed_once_when_enough_was_watched(
    resources: Resources, watching: Watching
) -> None:
    now, video = time.time(), watching.videos[0]
    flusher = Flusher(resources)

    async def state() -> tuple[bool, int, int]:
        rows = await resources.database.fetch(_PROGRESS)
        (enrollment,) = await run(resources.database, "SELECT * FROM enrollments")
        lessons = await run(
            resources.database, "SELECT * FROM lesson_progress WHERE completed_at IS NOT NULL"
        )
        return rows[0]["completed_at"] is not None, len(lessons), enrollment["lessons_completed"]

    await report(resources, watching, beat(video, 0, 569.9, at=now - 200, sequence=1))
    await flusher.flush()
    assert await state() == (False, 0, 0)
    await report(resources, watching, beat(video, 569.9, 570, at=now - 100, sequence=2))
    await flusher.flush()
    assert await state() == (True, 1, 1)
    completed_at = (await resources.database.fetch(_PROGRESS))[0]["completed_at"]
    await report(resources, watching, beat(video, 300, 600, at=now, sequence=3))
    await flusher.flush()
    assert await state() == (True, 1, 1)
    assert (await resources.database.fetch(_PROGRESS))[0]["completed_at"] == completed_at


async def test_a_viewing_is_one_row_also_when_redis_has_forgotten_it(
    resources: Resources, watching: Watching
) -> None:
    now, video = time.time(), watching.videos[0]
    flusher = Flusher(resources)
    await report(resources, watching, beat(video, 0, 10, at=now - 50, sequence=0))
    await flusher.flush()
    await resources.keyvalue._redis.flushdb()
    await asyncio.sleep(0.002)
    await report(resources, watching, beat(video, 10, 20, at=now - 40, sequence=1, event=BeatEvent.SEEK))
    await flusher.flush()
    # The same key on another video is another viewing.
    await report(resources, watching, beat(watching.videos[1], 10, 20, at=now, sequence=1))
    await flusher.flush()
    rows = await resources.database.fetch(_VIEWINGS)
    assert sorted((row["video_id"], len(row["seeks"])) for row in rows) == [
        (video, 1),
        (watching.videos[1], 0),
    ]


async def test_what_is_gone_holds_nobody_up(resources: Resources, watching: Watching) -> None:
    now = time.time()
    before = await unwritten(resources, "gone")
    await report(resources, watching, *(beat(video, 0, 10, at=now, sequence=1) for video in watching.videos))
    await run(resources.database, "DELETE FROM lessons WHERE id = $1", watching.lessons[1])
    await Flusher(resources).flush()
    assert sorted(await watched(resources.database)) == [
        (watching.learner.number, watching.videos[0]),
        (watching.learner.number, watching.videos[2]),
    ]
    assert await unwritten(resources, "gone") == before + 1
    assert await resources.progress_buffer.measure() == (0, 0.0, 0)


async def test_what_cannot_be_written_holds_nobody_up(
    resources: Resources,
    watching: Watching,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, bad = time.time(), watching.videos[1]
    before = [await unwritten(resources, outcome) for outcome in ("refused", "given_up")]
    await report(resources, watching, *(beat(video, 0, 10, at=now, sequence=1) for video in watching.videos))
    constraint = f"ALTER TABLE video_progress ADD CONSTRAINT no_such CHECK (video_id <> {bad}) NOT VALID"
    await run(resources.database, constraint)
    try:
        await Flusher(resources).flush()
        assert sorted(video for _, video in await watched(resources.database)) == sorted(
            {*watching.videos} - {bad}
        )
        assert "cannot be written" in caplog.text
        # It is tried again in an hour, also by itself; after a week it is dropped.
        assert (await resources.progress_buffer.measure())[0] == 1
        await Flusher(resources).flush()
        taken = (await resources.progress_buffer.take(10, lease=1))[1]
        assert taken == []
        monkeypatch.setattr(learning, "GIVEN_UP", 0.0)
        await resources.progress_buffer._release(
            ["lectern:{progress}:queue"],
            "lectern:{progress}:state:",
            0,
            0,
            f"{watching.learner.number}:{bad}",
        )
        await asyncio.sleep(0.002)
        await Flusher(resources).flush()
        assert await resources.progress_buffer.measure() == (0, 0.0, 0)
        assert "is given up" in caplog.text
    finally:
        await run(resources.database, "ALTER TABLE video_progress DROP CONSTRAINT no_such")
    after = [await unwritten(resources, outcome) for outcome in ("refused", "given_up")]
    assert after == [before[0] + 1, before[1] + 1]


@pytest.fixture
async def without_database(resources: Resources) -> AsyncIterator[Any]:
    """Switches PostgreSQL off and on for `resources`, as far as they can see."""
    acquire = resources.database.acquire

    async def refuse() -> Any:
        raise asyncpg.CannotConnectNowError("away")

    pool = resources.database._pool
    assert pool is not None

    class Away:
        async def acquire(self, **_: Any) -> Any:
            return await refuse()

    def switch(*, off: bool) -> None:
        resources.database._pool = Away() if off else pool  # type: ignore[assignment]

    yield switch
    switch(off=False)
    assert resources.database.acquire == acquire


async def test_postgresql_away(resources: Resources, watching: Watching, without_database: Any) -> None:
    now, video = time.time(), watching.videos[0]
    stranger = await make_user(resources.database)
    await enroll(resources.database, stranger.number, watching.course)
    await report(resources, watching, beat(video, 0, 10, at=now - 100, sequence=1))
    flusher = Flusher(resources)
    without_database(off=True)
    for number in range(2, 6):
        await report(resources, watching, beat(video, number * 10, number * 10 + 5, at=now, sequence=number))
        with pytest.raises(Unavailable):
            await flusher.flush()
    unknown = await resources.progress_recorder.record(
        stranger.number, [beat(video, 0, 10, at=now, sequence=1)]
    )
    assert ([each.code for each in unknown.rejected], unknown.next_beat_after) == (["RETRY_LATER"], 120)
    without_database(off=False)
    # What an attempt has left behind is not on lease.
    await flusher.flush()
    assert (await watched(resources.database))[watching.learner.number, video] == [
        0, 10_000, 20_000, 25_000, 30_000, 35_000, 40_000, 45_000, 50_000, 55_000,
    ]  # fmt: skip
    await asyncio.sleep(1.1)  # the time for which an outage is taken for granted
    again = await resources.progress_recorder.record(
        stranger.number, [beat(video, 0, 10, at=now, sequence=1)]
    )
    assert again.accepted == 1


async def test_the_loop_waits_outages_out_and_measures(
    resources: Resources, watching: Watching, without_database: Any
) -> None:
    quick = resources.settings.model_copy(
        update={"progress": resources.settings.progress.model_copy(update={"flush_interval": 0.01})}
    )
    from dataclasses import replace

    await report(resources, watching, beat(watching.videos[0], 0, 10, at=time.time(), sequence=1))
    without_database(off=True)
    task = asyncio.create_task(learning.flush_for_ever(replace(resources, settings=quick)))
    gauge = "lectern_progress_buffer_oldest_seconds"
    value = resources.metrics.registry.get_sample_value
    while not (value(gauge) or 0) > 0.05:  # noqa: ASYNC110 - what a scrape would see
        await asyncio.sleep(0.01)
    assert value("lectern_progress_buffer_keys") == 1
    without_database(off=False)
    while value("lectern_progress_buffer_keys") != 0:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert value(gauge) == 0
    task.cancel()
    assert len(await watched(resources.database)) == 1


async def test_redis_emptied_loses_what_was_not_flushed_and_no_more(
    resources: Resources, watching: Watching
) -> None:
    now, video = time.time(), watching.videos[0]
    await report(resources, watching, beat(video, 0, 10, at=now - 100, sequence=1))
    await Flusher(resources).flush()
    await report(resources, watching, beat(video, 10, 20, at=now - 90, sequence=2))
    await resources.keyvalue._redis.flushdb()
    await report(resources, watching, beat(video, 20, 30, at=now - 80, sequence=3))
    await Flusher(resources).flush()
    assert (await watched(resources.database))[watching.learner.number, video] == [0, 10_000, 20_000, 30_000]


async def test_as_many_statements_for_a_thousand_as_for_one(resources: Resources) -> None:
    from app.telemetry import StatementCount, statements

    watching = await make_watching(resources.database, videos=100)
    counts = []
    for videos in (watching.videos[:1], watching.videos):
        now = time.time()
        await report(resources, watching, *(beat(video, 0, 1, at=now, sequence=1) for video in videos))
        counted = StatementCount(keep_texts=True)
        token = statements.set(counted)
        await Flusher(resources).flush()
        statements.reset(token)
        counts.append(counted.total)
    assert counts == [4, 4]


async def test_where_to_go_on_is_of_the_latest_flush_but_the_position_of_a_moment_ago(
    api: Api, resources: Resources, watching: Watching
) -> None:
    """As docs/progress.md says."""
    document = "{ viewer { continueLearning { lesson { id } positionSeconds } } }"
    now = time.time()
    first, second, _ = watching.videos

    async def going_on() -> tuple[str, float | None]:
        (going,) = (await api(document, watching.learner.actor))["viewer"]["continueLearning"]
        return going["lesson"]["id"], going["positionSeconds"]

    lessons = [global_id("Lesson", number) for number in watching.lessons]
    await report(resources, watching, beat(first, 0, 10, at=now - 20, sequence=0))
    assert await going_on() == (lessons[0], 10)
    await report(resources, watching, beat(second, 0, 5, at=now - 10, sequence=0, key="second"))
    assert await going_on() == (lessons[0], 10)
    await Flusher(resources).flush()
    assert await going_on() == (lessons[1], 5)
    await report(resources, watching, beat(second, 5, 8, at=now - 5, sequence=1, key="second"))
    assert await going_on() == (lessons[1], 8)
