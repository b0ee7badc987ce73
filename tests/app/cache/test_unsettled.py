"""Which entries Redis is not believed about, and for how long."""

import asyncio

import pytest

from app.cache.unsettled import Unsettled
from app.errors import Unavailable


class Listing:
    """The list in PostgreSQL, and a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.entries: frozenset[str] | None = frozenset()
        self.reads = 0
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self) -> frozenset[str] | None:
        self.reads += 1
        found = self.entries
        await self.gate.wait()
        if self.away:
            raise Unavailable("away")
        return found


@pytest.fixture
def listing() -> Listing:
    return Listing()


@pytest.fixture
def unsettled(listing: Listing) -> Unsettled:
    return Unsettled(listing.read, clock=lambda: listing.now)


async def test_a_change_elsewhere_is_heard_of_within_a_second(listing: Listing, unsettled: Unsettled) -> None:
    assert await unsettled.among(["a"]) == set()
    listing.entries = frozenset({"a", "b"})
    listing.now += 0.99
    assert await unsettled.among(["a"]) == set()
    listing.now += 0.01
    assert await unsettled.among(["a", "c"]) == {"a"}
    listing.entries = frozenset()
    listing.now += 1
    assert await unsettled.among(["a"]) == set()


async def test_a_change_here_counts_at_once(listing: Listing, unsettled: Unsettled) -> None:
    assert await unsettled.among(["a"]) == set()
    unsettled.add(["a"])
    assert await unsettled.among(["a", "b"]) == {"a"}


async def test_a_list_that_was_read_before_the_change_hides_nothing(
    listing: Listing, unsettled: Unsettled
) -> None:
    listing.gate.clear()
    reading = asyncio.create_task(unsettled.among(["a"]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    unsettled.add(["a"])
    listing.gate.set()
    assert await reading == {"a"}
    assert listing.reads == 1


async def test_own_changes_are_left_to_the_list_in_time(listing: Listing, unsettled: Unsettled) -> None:
    unsettled.add(["a"])
    listing.now += 11
    assert await unsettled.among(["a"]) == set()
    unsettled.add(["b"])
    assert unsettled._own.keys() == {"b"}


async def test_of_a_list_that_is_too_long_all_is_distrusted(listing: Listing, unsettled: Unsettled) -> None:
    listing.entries = None
    assert await unsettled.among(["a", "b"]) == {"a", "b"}


async def test_without_the_list_all_is_distrusted(listing: Listing, unsettled: Unsettled) -> None:
    assert await unsettled.among(["a"]) == set()
    listing.away = True
    listing.now += 1
    assert await unsettled.among(["a"]) == {"a"}
    listing.away = False
    assert await unsettled.among(["a"]) == set()


async def test_nobody_waits_for_a_list_that_is_read_ahead(listing: Listing, unsettled: Unsettled) -> None:
    await unsettled.among(["a"])
    listing.entries = frozenset({"a"})
    listing.gate.clear()
    listing.now += 0.6
    assert await unsettled.among(["a"]) == set()
    assert await unsettled.among(["a"]) == set()
    reading = unsettled._reading
    assert reading is not None
    listing.gate.set()
    await reading
    assert await unsettled.among(["a"]) == {"a"}
    assert listing.reads == 2


async def test_a_list_that_fails_ahead_is_asked_for_again(listing: Listing, unsettled: Unsettled) -> None:
    await unsettled.among(["a"])
    listing.away = True
    listing.now += 0.6
    assert await unsettled.among(["a"]) == set()
    assert unsettled._reading is not None
    await asyncio.wait([unsettled._reading])
    listing.now += 0.4
    assert await unsettled.among(["a"]) == {"a"}
    listing.away = False
    assert await unsettled.among(["a"]) == set()


async def test_a_hundred_at_once_read_once(listing: Listing, unsettled: Unsettled) -> None:
    assert await asyncio.gather(*(unsettled.among(["a"]) for _ in range(100))) == [set()] * 100
    assert listing.reads == 1


async def test_who_is_cancelled_while_reading_takes_nobody_with_it(
    listing: Listing, unsettled: Unsettled
) -> None:
    listing.gate.clear()
    first, second = (asyncio.create_task(unsettled.among(["a"])) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    listing.gate.set()
    assert await second == set()
    assert listing.reads == 1
