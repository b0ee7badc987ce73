"""Who is recorded, from memory: for how long that is believed, and what an outage leaves of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from app.errors import Unavailable
from app.learning.beats.access import RecordingAccess
from app.learning.beats.answers import Answers
from app.learning.beats.pacing import RAREST
from app.resources import Resources
from app.settings import ProgressSettings
from app.telemetry import StatementCount, statements
from tests.factories.catalog import run
from tests.support.watching import make_watching


class Source:
    """What is true, how often it was asked, and whether it answers."""

    def __init__(self) -> None:
        self.values: dict[int, str] = {1: "one", 2: "two", 3: "three"}
        self.asked: list[list[int]] = []
        self.away = False
        self.now = 1000.0

    async def read(self, keys: list[int]) -> Mapping[int, str]:
        self.asked.append(keys)
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("away")
        return {key: self.values[key] for key in keys if key in self.values}


@pytest.fixture
def source() -> Source:
    return Source()


def answers(source: Source, *, size: int = 100) -> Answers[int, str]:
    return Answers(source.read, size=size, lifetime=60, kept=300, patience=600, clock=lambda: source.now)


async def test_asked_once_and_believed_for_its_lifetime(source: Source) -> None:
    held = answers(source)
    for _ in range(3):
        assert await held.of([1, 2]) == ({1: "one", 2: "two"}, set())
    assert source.asked == [[1, 2]]
    source.values[1] = "other"
    source.now += 29.9
    assert (await held.of([1]))[0] == {1: "one"}
    source.now += 30.2
    assert (await held.of([1]))[0] == {1: "other"}
    assert source.asked == [[1, 2], [1]]
    await held.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.learning.beats.answers.PACE", 0.01)


async def asked(source: Source, times: int) -> None:
    """Waits until it has been asked so often, and has answered."""
    while len(source.asked) < times:  # noqa: ASYNC110 - another task asks
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    assert len(source.asked) == times


@pytest.mark.usefixtures("quick")
async def test_who_is_asked_to_report_rarely_never_has_to_wait(source: Source) -> None:
    """Every two minutes, while an answer is believed for one."""
    held = answers(source)
    await held.of([1, 2, 3])
    for half_minute in range(1, 21):
        source.now += 30
        await asked(source, 1 + half_minute)
        if half_minute % 4 == 0:
            assert await held.of([1, 2]) == ({1: "one", 2: "two"}, set())
    # In one statement each time; what nobody has used for five minutes is not asked for.
    assert source.asked[:10] == [[1, 2, 3]] * 10
    assert source.asked[10:] == [[1, 2]] * 11
    await held.close()


@pytest.mark.usefixtures("quick")
async def test_what_is_gone_is_gone_before_it_is_too_old(source: Source) -> None:
    held = answers(source)
    await held.of([1, 2])
    source.values = {1: "new"}
    source.now += 31
    await asked(source, 2)
    assert await held.of([1]) == ({1: "new"}, set())
    assert len(source.asked) == 2
    assert await held.of([2]) == ({}, set())
    assert source.asked[2:] == [[2]]
    await held.close()


@pytest.mark.usefixtures("quick")
async def test_many_are_asked_for_in_parts(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.learning.beats.answers._BATCH", 10)
    source.values = dict.fromkeys(range(25), "value")
    held = answers(source)
    for key in source.values:
        await held.of([key])
    source.now += 31
    await asked(source, 28)
    assert source.asked[25:] == [list(range(10)), list(range(10, 20)), list(range(20, 25))]
    await held.close()


@pytest.mark.usefixtures("quick")
async def test_nothing_runs_on_when_nobody_watches(source: Source) -> None:
    held = answers(source)
    await held.of([1])
    renewing = held._renewing
    assert renewing is not None
    source.now += 301
    await renewing
    assert (source.asked, held._renewing) == ([[1]], None)
    assert (await held.of([1]))[0] == {1: "one"}
    assert (source.asked, held._renewing is None) == ([[1], [1]], False)
    await held.close()


async def test_that_there_is_none_is_never_kept(source: Source) -> None:
    held = answers(source)
    assert await held.of([9]) == ({}, set())
    source.values[9] = "nine"
    assert (await held.of([9]))[0] == {9: "nine"}


async def test_an_outage(source: Source) -> None:
    held = answers(source)
    await held.of([1])
    source.away = True
    source.now += 61
    assert await held.of([1, 2]) == ({1: "one"}, {2})
    # For a moment nobody asks again: each would wait as long as the first.
    assert await held.of([1, 2]) == ({1: "one"}, {2})
    assert len(source.asked) == 2
    source.now += 538
    assert await held.of([1]) == ({1: "one"}, set())
    source.now += 2
    assert await held.of([1]) == ({}, {1})
    source.away = False
    source.now += 1.1
    assert await held.of([1, 2]) == ({1: "one", 2: "two"}, set())


@pytest.mark.usefixtures("quick")
async def test_an_outage_of_what_nobody_waits_for(source: Source) -> None:
    held = answers(source)
    await held.of([1])
    source.away = True
    source.now += 31
    while len(source.asked) < 4:  # noqa: ASYNC110 - another task asks
        await asyncio.sleep(0.005)
    assert await held.of([1]) == ({1: "one"}, set())
    source.away = False
    source.values[1] = "new"
    while (await held.of([1]))[0] != {1: "new"}:  # noqa: ASYNC110 - another task asks
        await asyncio.sleep(0.005)
    assert source.asked == [[1]] * len(source.asked)
    await held.close()


async def test_many_at_once_ask_once(source: Source) -> None:
    held = answers(source)
    found = await asyncio.gather(*(held.of([1, 2]) for _ in range(50)))
    assert found == [({1: "one", 2: "two"}, set())] * 50
    assert source.asked == [[1, 2]]


async def test_a_cancelled_reader_takes_nobody_with_it(source: Source) -> None:
    held = answers(source)
    first = asyncio.create_task(held.of([1]))
    second = asyncio.create_task(held.of([1]))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == ({1: "one"}, set())


async def test_no_more_than_so_many_are_kept(source: Source) -> None:
    held = answers(source, size=2)
    for key in (1, 2, 1, 3):
        await held.of([key])
    await held.of([1])
    assert source.asked == [[1], [2], [3]]
    await held.of([2])
    assert source.asked[-1] == [2]


Permitted = Callable[[], Awaitable[bool]]


async def test_a_withdrawal_is_noticed_within_its_time_and_an_enrolment_at_once(
    resources: Resources,
) -> None:
    watching = await make_watching(resources.database)
    access = RecordingAccess(resources.database, ProgressSettings())
    now = 0.0
    access.learners._clock = lambda: now

    async def permitted() -> bool:
        permits = await access.permits(watching.learner.number, watching.videos)
        return watching.course in permits.courses

    assert await permitted()
    await run(resources.database, "UPDATE enrollments SET state = 'withdrawn'")
    now = 29.9
    assert await permitted()
    now = 60.0
    assert not await permitted()
    await run(resources.database, "UPDATE enrollments SET state = 'active'")
    assert await permitted()
    await access.close()


def test_a_longer_time_cannot_be_set() -> None:
    with pytest.raises(ValueError, match="less than or equal to 60"):
        ProgressSettings(access_lifetime=61)


async def test_a_hundred_videos_are_two_statements(resources: Resources) -> None:
    watching = await make_watching(resources.database, videos=100)
    access = RecordingAccess(resources.database, ProgressSettings())
    counted: Any = StatementCount()
    token = statements.set(counted)
    for expected in (2, 2):
        permits = await access.permits(watching.learner.number, watching.videos)
        assert (len(permits.videos), set(permits.courses)) == (100, {watching.course})
        assert counted.total == expected
    statements.reset(token)


@pytest.mark.usefixtures("quick")
async def test_who_reports_as_rarely_as_a_busy_server_asks_costs_no_statement(resources: Resources) -> None:
    watching = await make_watching(resources.database, videos=3)
    access = RecordingAccess(resources.database, ProgressSettings())
    now = 0.0
    access.learners._clock = access.videos._clock = lambda: now
    await access.permits(watching.learner.number, watching.videos)
    for _ in range(3):
        for _ in range(RAREST // 30):
            now += 30
            while any(each.read_at < now for known in _known(access) for each in known):  # noqa: ASYNC110 - a task's work
                await asyncio.sleep(0.005)
        counted: Any = StatementCount()
        token = statements.set(counted)
        permits = await access.permits(watching.learner.number, watching.videos)
        statements.reset(token)
        assert (len(permits.videos), set(permits.courses), counted.total) == (3, {watching.course}, 0)
    await access.close()


def _known(access: RecordingAccess) -> tuple[Any, Any]:
    return access.videos._known.values(), access.learners._known.values()
