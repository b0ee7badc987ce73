"""What a recorder answers when there is no room, no Redis, or much to do; what it counts; what it knows of devices."""

import time
from typing import Any

import pytest

from app.keyvalue import KeyValue
from app.learning.beats import Recorder, RecordingAccess
from app.learning.beats.devices import device_class
from app.learning.beats.pacing import next_beat_after
from app.learning.progress_buffer import ProgressBuffer, buffer
from app.resources import Resources
from app.settings import ProgressSettings
from tests.factories.catalog import run
from tests.support.watching import Watching, beat, make_watching
from workers.learning import Flusher


@pytest.fixture
async def watching(resources: Resources) -> Watching:
    return await make_watching(resources.database, videos=4)


def recorder(
    resources: Resources, keyvalue: KeyValue | None = None, **changes: Any
) -> tuple[Recorder, RecordingAccess]:
    settings = ProgressSettings(**changes)
    buffer = ProgressBuffer(keyvalue or resources.keyvalue, settings, resources.metrics)
    access = RecordingAccess(resources.database, settings)
    return Recorder(buffer, access, resources.metrics), access


async def test_a_full_buffer_takes_what_it_has_room_for(resources: Resources, watching: Watching) -> None:
    small, access = recorder(resources, buffer_limit=2)
    now = time.time()
    beats = [beat(video, 0, 10, at=now, sequence=1) for video in watching.videos]
    report = await small.record(watching.learner.number, [beats[0]])
    assert (report.accepted, report.next_beat_after) == (1, 30)
    report = await small.record(watching.learner.number, beats)
    assert report.accepted == 2
    assert [(each.number, each.code) for each in report.rejected] == [(2, "RETRY_LATER"), (3, "RETRY_LATER")]
    assert report.next_beat_after == 120
    # Whoever has a key there already goes on.
    again = await small.record(
        watching.learner.number, [beat(watching.videos[0], 10, 20, at=now, sequence=2)]
    )
    assert again.accepted == 1
    await access.close()


async def test_without_redis_everything_good_is_to_be_sent_again(
    resources: Resources, watching: Watching
) -> None:
    nowhere = KeyValue(resources.settings.redis.model_copy(update={"url": "redis://127.0.0.1:1/0"}))
    lonely, access = recorder(resources, nowhere)
    good = beat(watching.videos[0], 0, 10, at=time.time(), sequence=1)
    report = await lonely.record(watching.learner.number, [good, None, good._replace(viewing_key="")])
    assert [(each.number, each.code) for each in report.rejected] == [
        (0, "RETRY_LATER"),
        (1, "MALFORMED"),
        (2, "INVALID_VIEWING_KEY"),
    ]
    assert (report.accepted, report.next_beat_after) == (0, 120)
    await access.close()
    await nowhere.close()


async def test_who_reports_without_end_is_told_to_wait(
    resources: Resources, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffer, "BUDGET", 300)
    made, access = recorder(resources)
    now, video, learner = time.time(), watching.videos[0], watching.learner.number
    counted = resources.metrics.registry.get_sample_value
    before = counted("lectern_progress_beats_total", {"outcome": "RETRY_LATER"}) or 0
    answers = []
    for call in range(5):
        # A viewing each: what costs PostgreSQL most.
        beats = [beat(video, 0, 1, at=now, sequence=0, key=f"{call}-{number}") for number in range(100)]
        report = await made.record(learner, [None, *beats[1:]])
        answers.append((report.accepted, report.next_beat_after))
        assert [each.code for each in report.rejected[:2]] == [
            "MALFORMED",
            *(["RETRY_LATER"] if report.next_beat_after == 120 else []),
        ]
        await Flusher(resources).flush()
    assert answers == [(99, 30)] * 3 + [(0, 120)] * 2
    assert counted("lectern_progress_beats_total", {"outcome": "RETRY_LATER"}) == before + 2 * 99
    (row,) = await run(resources.database, "SELECT count(*) FROM watch_sessions")
    assert row["count"] == 3 * 99
    await access.close()


async def test_an_implausible_first_beat_leaves_those_behind_it(
    resources: Resources, watching: Watching
) -> None:
    now, video, learner = time.time(), watching.videos[0], watching.learner.number
    made, access = recorder(resources)
    assert (await made.record(learner, [beat(video, 0, 1, at=now - 100, sequence=1)])).accepted == 1
    report = await made.record(
        learner,
        [
            beat(video, 0, 600, at=now - 90, sequence=2),
            beat(video, 1, 300, at=now - 20, sequence=3),
            beat(video, 0, 500, at=now - 19, sequence=4),
        ],
    )
    # The third is measured against the first of all, not against the lie before it.
    assert [(each.number, each.code) for each in report.rejected] == [
        (0, "IMPLAUSIBLE_RANGE"),
        (2, "IMPLAUSIBLE_RANGE"),
    ]
    state = await resources.progress_buffer.peek([(learner, video)])
    assert state[learner, video].watched == [0, 300_000]
    assert state[learner, video].position.sequence == 3
    await access.close()


async def test_an_hour_is_believed_where_nothing_is_known(resources: Resources) -> None:
    watching = await make_watching(resources.database, seconds=7200)
    now, video, learner = time.time(), watching.videos[0], watching.learner.number
    made, access = recorder(resources)
    longest = beat(video, 0, 3600, at=now, sequence=7, key="a")
    assert (await made.record(learner, [longest])).accepted == 1
    longer = beat(video, 0, 3600.001, at=now, sequence=7, key="b")
    assert [each.code for each in (await made.record(learner, [longer])).rejected] == ["IMPLAUSIBLE_RANGE"]
    # Known since two hours, silent since: as much as may have passed.
    begun = beat(video, 0, 0, at=now - 7200, sequence=1, key="c")
    ended = beat(video, 0, 7200, at=now, sequence=2, key="c")
    assert (await made.record(learner, [begun])).accepted == 1
    assert (await made.record(learner, [ended])).accepted == 1
    # Again, as it is: what was taken once is taken always.
    assert (await made.record(learner, [begun, ended, ended])).accepted == 3
    await access.close()


@pytest.mark.parametrize(
    ("filled", "latency", "seconds"),
    [(0, 0, 30), (0.5, 0, 30), (0.75, 0, 75), (1, 0, 120), (2, 0, 120), (0, 0.125, 30), (0.6, 0.25, 120)],
)
def test_pacing(filled: float, latency: float, seconds: int) -> None:
    assert next_beat_after(filled=filled, latency=latency) == seconds


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36", "desktop"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "desktop"),
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) Mobile/15E148 Safari/604.1", "tablet"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/140.0 Mobile Safari/537.36", "phone"),
        ("Mozilla/5.0 (Linux; Android 13; SM-X710) Chrome/140.0 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) Version/7.0 TV Safari/537.36", "television"),
        ("curl/8.5.0", "other"),
        ("", "other"),
        ("x" * 100_000, "other"),
    ],
)
def test_device_classes(agent: str, expected: str) -> None:
    assert device_class(agent) == expected
