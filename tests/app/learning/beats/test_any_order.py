"""Whatever the order, the repetitions, the splits of beats into calls, and the flushes between: one state, in the end and before."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.database import Query
from app.learning.beats import Beat, BeatEvent, BeatRejection
from app.learning.progress_buffer import union
from app.learning.video_progress import current_progress
from app.resources import Resources
from tests.support.watching import Watching, make_watching
from workers.learning import Flusher

NOW = 1_764_331_200
DURATION = 600
_ROWS = {
    name: Query(text, (), {})
    for name, text in {
        "progress": "SELECT user_id, video_id, position_ms, position_at, position_sequence, watched, watched_ms,"
        " completed_at IS NULL AS open FROM video_progress ORDER BY 1, 2",
        "viewings": "SELECT user_id, video_id, viewing_key, started_at, ended_at, watched, seeks, device_class"
        " FROM watch_sessions ORDER BY 1, 2, 3",
        "lessons": "SELECT user_id, lesson_id FROM lesson_progress WHERE completed_at IS NOT NULL ORDER BY 1, 2",
        "enrollments": "SELECT user_id, course_id, lessons_completed FROM enrollments ORDER BY 1, 2",
    }.items()
}


@st.composite
def viewings(draw: st.DrawFn) -> list[Any]:
    """Honest beats: (video, viewing, sequence, time, from, to, event). Several devices, with clocks of their own."""
    beats: list[Any] = []
    for key in range(draw(st.integers(1, 4))):
        video = draw(st.integers(0, 1))
        clock: float = NOW - draw(st.integers(0, 5000)) + draw(st.sampled_from([0, 0, 0.25, 240]))
        place: float = draw(st.integers(0, DURATION))
        for sequence in range(draw(st.integers(1, 5))):
            passed = draw(st.sampled_from([0, 0.4, 10, 30, 119.999]))
            start = place
            place = min(place + passed * draw(st.sampled_from([1, 1, 2, 4])), DURATION)
            seek = draw(st.booleans()) and sequence
            event = BeatEvent.SEEK if seek else BeatEvent.HEARTBEAT
            clock += passed
            beats.append((video, f"viewing-{key}", sequence, clock, start, place, event))
            if seek:
                place = draw(st.integers(0, DURATION))
    return beats


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Any], list[list[int]], set[int]]:
    """Beats; the same in calls: in any order, some again; after which calls is flushed."""
    beats = draw(viewings())
    order = draw(st.permutations(range(len(beats))))
    again = draw(st.lists(st.integers(0, len(beats) - 1), max_size=5))
    sent = [*order, *again]
    calls = []
    while sent:
        size = draw(st.integers(1, min(8, len(sent))))
        calls.append(sent[:size])
        sent = sent[size:]
    flushed = draw(st.sets(st.integers(0, len(calls)), max_size=4))
    return beats, calls, flushed


async def _reset(resources: Resources) -> None:
    async with resources.database.transaction() as tx:
        for table in ("video_progress", "watch_sessions", "lesson_progress"):
            await tx.fetch_text(f"DELETE FROM {table}")
        await tx.fetch_text("UPDATE enrollments SET lessons_completed = 0, last_active_at = NULL")
    await resources.keyvalue._redis.flushdb()


async def _state(resources: Resources) -> dict[str, list[tuple[Any, ...]]]:
    return {
        name: [tuple(map(repr, row.values())) for row in await resources.database.fetch(query)]
        for name, query in _ROWS.items()
    }


def _beats(watching: Watching, described: Sequence[Any]) -> list[Beat]:
    return [
        Beat(watching.videos[video], key, event, stop, start, stop, sequence, round(at * 1000))
        for video, key, sequence, at, start, stop, event in described
    ]


@pytest.fixture
async def watching(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Watching:
    made = await make_watching(resources.database, videos=2, seconds=DURATION)
    monkeypatch.setattr(resources.progress_recorder, "_clock", lambda: NOW + 1_000)
    return made


async def test_any_order_duplication_split_and_flush(resources: Resources, watching: Watching) -> None:
    recorder, flusher, learner = resources.progress_recorder, Flusher(resources), watching.learner
    pairs = [(learner.number, video) for video in watching.videos]

    async def shown() -> list[Any]:
        rows = await current_progress(resources.database, pairs, learner.actor, resources.progress_buffer)
        names = ("pair", "position_ms", "position_at", "position_sequence", "watched", "watched_ms")
        return sorted(tuple(row[name] for name in names) for row in rows)

    async def once(history: tuple[list[Any], list[list[int]], set[int]]) -> None:
        described, calls, flushed = history
        beats = _beats(watching, described)
        await _reset(resources)
        report = await recorder.record(learner.number, beats)
        assert report.rejected == []
        at_first = await shown()
        await flusher.flush()
        expected, expected_shown = await _state(resources), await shown()
        assert at_first == expected_shown
        # What nobody computes here but this line.
        for video in {beat.video_id for beat in beats}:
            watched = union(
                [
                    [round(beat.watched_from * 1000), round(beat.watched_to * 1000)]
                    for beat in beats
                    if beat.video_id == video and beat.watched_from < beat.watched_to
                ]
            )
            latest = max(
                (beat.at, beat.sequence, round(beat.position * 1000))
                for beat in beats
                if beat.video_id == video
            )
            (row,) = [row for row in expected_shown if row[0] == (learner.number, video)]
            assert (row[1], row[3], row[4]) == (latest[2], latest[1], watched)

        await _reset(resources)
        for number, call in enumerate(calls):
            if number in flushed:
                await flusher.flush()
            report = await recorder.record(learner.number, [beats[index] for index in call])
            assert report.rejected == []
        assert await shown() == expected_shown
        await flusher.flush()
        assert await _state(resources) == expected
        assert await shown() == expected_shown
        # And all once more, as a client that heard no answer.
        await recorder.record(learner.number, beats)
        await flusher.flush()
        assert await _state(resources) == expected

    loop = asyncio.get_running_loop()

    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(histories())
    def holds(history: tuple[list[Any], list[list[int]], set[int]]) -> None:
        asyncio.run_coroutine_threadsafe(once(history), loop).result()

    await asyncio.to_thread(holds)


@pytest.mark.parametrize("videos", [1, 2])
async def test_a_device_that_was_offline_brings_all_of_it_within_minutes(
    videos: int, resources: Resources, watching: Watching
) -> None:
    """2,000 beats, as many as a reporter keeps, and as little alike as may be: each of a range of its own, many of a seek."""
    recorder, flusher, learner = resources.progress_recorder, Flusher(resources), watching.learner
    described = [
        (number // 2 % videos, f"viewing-{number // 4}", number % 4, NOW - 500_000 + number * 5,
         number % 1000 * 0.6, number % 1000 * 0.6 + 0.3, BeatEvent.SEEK if number % 4 == 1 else BeatEvent.HEARTBEAT)
        for number in range(2000)
    ]  # fmt: skip
    beats = _beats(watching, described)
    waiting, pauses = list(beats), 0
    while waiting:
        # As the reporter does it: fifty at a time; after RETRY_LATER it waits, for longer than a flush takes to come.
        report = await recorder.record(learner.number, waiting[:50])
        assert {each.code for each in report.rejected} <= {BeatRejection.RETRY_LATER}
        refused = [waiting[each.number] for each in report.rejected]
        waiting = refused + waiting[50:]
        if refused:
            assert report.next_beat_after == 30
            pauses += 1
            await flusher.flush()
    await flusher.flush()
    assert pauses * 30 <= 180
    rows = {row["video_id"]: row for row in await resources.database.fetch(_ROWS["progress"])}
    assert len(rows) == videos
    for video, row in rows.items():
        mine = [beat for beat in beats if beat.video_id == video]
        expected = union([[round(b.watched_from * 1000), round(b.watched_to * 1000)] for b in mine])
        assert [edge for part in row["watched"] for edge in (part.lower, part.upper)] == expected
        latest = max(mine, key=lambda beat: beat.at)
        assert (row["position_ms"], row["position_sequence"]) == (
            round(latest.position * 1000),
            latest.sequence,
        )
    viewings = await resources.database.fetch(_ROWS["viewings"])
    assert {(row["video_id"], row["viewing_key"]) for row in viewings} == {
        (beat.video_id, beat.viewing_key) for beat in beats
    }
    assert sum(part.upper - part.lower for row in viewings for part in row["seeks"]) == 500
