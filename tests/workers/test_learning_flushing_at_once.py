"""Batches, writers and flushers at the same time, on a real PostgreSQL and Valkey: nothing is lost, nobody waits for others."""

import asyncio
import random
import time
from typing import Any

import pytest

from app.learning.progress_buffer import ProgressBuffer, length, union
from app.resources import Resources
from tests.factories.catalog import run
from tests.factories.identity import make_user
from tests.support.watching import beat, enroll, make_watching, watched
from workers.learning import Flusher


async def test_what_somebody_locks_holds_nobody_up(crowd: Resources) -> None:
    watching = await make_watching(crowd.database, videos=2)
    other = await make_user(crowd.database)
    await enroll(crowd.database, other.number, watching.course)
    now, video = time.time(), watching.videos[0]
    await crowd.progress_recorder.record(watching.learner.number, [beat(video, 0, 10, at=now, sequence=1)])
    await crowd.progress_recorder.record(other.number, [beat(video, 0, 10, at=now, sequence=1)])
    async with crowd.database.transaction() as tx:
        await tx.fetch_text("SELECT FROM enrollments WHERE user_id = $1 FOR UPDATE", other.number)
        impatient = Flusher(crowd)
        record = impatient.record

        async def soon(tx: Any, taken: Any) -> Any:
            await tx.fetch_text("SET LOCAL lock_timeout = '50ms'")
            return await record(tx, taken)

        impatient.record = soon  # type: ignore[method-assign]
        await impatient.flush()
        assert list(await watched(crowd.database)) == [(watching.learner.number, video)]
    assert (await crowd.progress_buffer.measure())[0] == 1


async def test_a_batch_that_waits_lets_the_others_pass(
    crowd: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = await make_watching(crowd.database, videos=1)
    learners = [watching.learner, *[await make_user(crowd.database) for _ in range(4)]]
    now, video = time.time(), watching.videos[0]
    for number, learner in enumerate(learners):
        if number:
            await enroll(crowd.database, learner.number, watching.course)
        await crowd.progress_recorder.record(learner.number, [beat(video, 0, 10, at=now, sequence=1)])
    flusher = Flusher(crowd)
    monkeypatch.setattr(flusher, "_settings", flusher._settings.model_copy(update={"flush_size": 1}))
    async with crowd.database.transaction() as tx:
        await tx.fetch_text("SELECT FROM enrollments WHERE user_id = $1 FOR UPDATE", learners[0].number)
        flushing = asyncio.create_task(flusher.flush())
        others = [(learner.number, video) for learner in learners[1:]]
        while list(await watched(crowd.database)) != others:  # noqa: ASYNC110 - another task's work
            await asyncio.sleep(0.01)
        assert not flushing.done()
    await flushing
    assert len(await watched(crowd.database)) == 5
    assert await crowd.progress_buffer.measure() == (0, 0.0, 0)


async def test_writers_and_flushers_at_once_lose_nothing(crowd: Resources) -> None:
    """Ten people on several devices, four flushers, leases that end too soon: every millisecond is there in the end."""
    watching = await make_watching(crowd.database, videos=3)
    await run(crowd.database, "UPDATE lessons SET required_share = 0.05")
    learners = [watching.learner, *[await make_user(crowd.database) for _ in range(9)]]
    for learner in learners[1:]:
        await enroll(crowd.database, learner.number, watching.course)
    chance = random.Random(5)
    now = time.time() - 3600
    expected: dict[tuple[int, int], list[list[int]]] = {}
    ended = asyncio.Event()

    async def watch(user: int) -> None:
        for call in range(25):
            beats = []
            for number in range(chance.randint(1, 6)):
                video, start = chance.choice(watching.videos), chance.randint(0, 590)
                key = f"{user}-{call % 4}-{number}"
                stop = start + chance.randint(1, 10)
                beats.append(beat(video, start, stop, at=now + call, sequence=call, key=key))
                expected.setdefault((user, video), []).append([start * 1000, stop * 1000])
            answer = await crowd.progress_recorder.record(user, beats)
            assert answer.rejected == []
            await asyncio.sleep(chance.random() / 50)

    async def flush() -> None:
        flusher = Flusher(crowd)
        flusher._settings = flusher._settings.model_copy(update={"flush_size": 7, "flush_lease": 0.001})
        while not ended.is_set():
            await flusher.flush()
            await asyncio.sleep(0)

    flushers = [asyncio.create_task(flush()) for _ in range(4)]
    await asyncio.gather(*(watch(learner.number) for learner in learners))
    ended.set()
    await asyncio.gather(*flushers)
    await Flusher(crowd).flush()
    await until_empty(crowd.progress_buffer, Flusher(crowd))
    assert await watched(crowd.database) == {pair: union(ranges) for pair, ranges in expected.items()}
    viewings = await run(crowd.database, "SELECT user_id, video_id, viewing_key FROM watch_sessions")
    assert len(viewings) == len({tuple(row) for row in viewings})
    totals = await run(
        crowd.database,
        "SELECT bool_and(watched = (SELECT range_agg(s.watched) FROM watch_sessions s"
        " WHERE s.user_id = p.user_id AND s.video_id = p.video_id)) AS same FROM video_progress p",
    )
    assert totals[0]["same"]
    # Of 600 seconds 30 are enough here: many lessons and courses became completed, each once.
    (counts,) = await run(
        crowd.database,
        "SELECT bool_and(e.lessons_completed = (SELECT count(*) FROM lesson_progress p WHERE p.user_id = e.user_id"
        " AND p.completed_at IS NOT NULL)) AS same, sum(e.lessons_completed)::int AS lessons,"
        " count(*) FILTER (WHERE e.state = 'completed') AS courses,"
        " (SELECT count(*) FROM enrollment_events) AS events FROM enrollments e",
    )
    enough = [pair for pair, ranges in expected.items() if length(union(ranges)) >= 30_000]
    assert (counts["same"], counts["lessons"]) == (True, len(enough))
    assert counts["courses"] == counts["events"]


async def until_empty(buffer: ProgressBuffer, flusher: Flusher) -> None:
    while (await buffer.measure())[0]:
        await flusher.flush()
        await asyncio.sleep(0.01)
