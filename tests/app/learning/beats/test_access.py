"""Who is recorded, from memory: for how long that is believed, and what an outage leaves of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from app.errors import Unavailable
from app.learning.beats.access import RecordingAccess
from app.learning.beats.answers import Answers
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
    return Answers(source.read, size=size, lifetime=60, patience=600, clock=lambda: source.now)


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


async def test_what_is_used_is_asked_again_before_anybody_has_to_wait(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.learning.beats.answers.PACE", 0.01)
    held = answers(source)
    await held.of([1, 2, 3])
    source.now += 31
    source.values = {1: "new", 3: "three"}
    assert (await held.of([1]))[0] == {1: "one"}
    assert (await held.of([2]))[0] == {2: "two"}
    paced = held._paced
    assert paced is not None
    await paced
    assert source.asked == [[1, 2, 3], [1, 2]]
    # In one statement; what is gone is gone, what nobody uses is not asked for.
    assert await held.of([1, 2]) == ({1: "new"}, set())
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


async def test_an_outage_of_what_nobody_waits_for(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.learning.beats.answers.PACE", 0.01)
    held = answers(source)
    await held.of([1])
    source.away = True
    source.now += 31
    assert (await held.of([1]))[0] == {1: "one"}
    assert held._paced is not None
    await held._paced
    assert (await held.of([1]))[0] == {1: "one"}
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
