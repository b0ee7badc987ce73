"""Redis goes and comes back: everybody hears a gap, then what follows; nobody waits for ever."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest

from app.pubsub import Gap, PubSub, Subscription
from tests.app.pubsub.hearing import eventually, following, heard, opened, sample, until
from tests.support.valkey import FragileValkey

OUTAGE = 3.0  # seconds


async def crowd(stack: AsyncExitStack, pubsub: PubSub) -> list[Subscription]:
    """A hundred subscribers, ten a channel."""
    return await asyncio.gather(
        *(stack.enter_async_context(pubsub.subscribe(f"c{number % 10}")) for number in range(100))
    )


async def tell_all(pubsub: PubSub, value: str) -> list[bool]:
    return await asyncio.gather(*(pubsub.publish(f"c{number}", value) for number in range(10)))


def killed(valkey: FragileValkey) -> tuple[Callable[[], None], Callable[[], None]]:
    return valkey.kill, valkey.start


def frozen(valkey: FragileValkey) -> tuple[Callable[[], None], Callable[[], None]]:
    return valkey.freeze, valkey.thaw


@pytest.mark.parametrize("how", [killed, frozen])
async def test_an_outage_of_three_seconds(
    how: Callable[[FragileValkey], tuple[Callable[[], None], Callable[[], None]]],
    valkey: FragileValkey,
    caplog: pytest.LogCaptureFixture,
) -> None:
    begin, end = how(valkey)
    caplog.set_level(logging.INFO)
    async with opened(valkey, publish_timeout=1, silence=1) as pubsub, AsyncExitStack() as stack:
        subscriptions = await crowd(stack, pubsub)
        assert all(await tell_all(pubsub, "before"))
        begin()
        assert not any(await tell_all(pubsub, "during"))
        await asyncio.sleep(OUTAGE)
        assert sample(pubsub, "connected") == 0
        end()
        assert [await heard(each, 2) for each in subscriptions] == [["before", Gap]] * 100
        assert all(await tell_all(pubsub, "after"))
        for each in subscriptions:
            # A frozen server may carry out afterwards what it was sent before.
            assert set(await until(each, "after")) <= {"during", "after"}
        assert [valkey.subscriptions(f"lectern:c{number}") for number in range(10)] == [1] * 10
        assert sample(pubsub, "reconnects_total") == 1
        assert sample(pubsub, "gaps_total") == 100
        assert sample(pubsub, "connected") == 1
        assert sample(pubsub, "published_total", outcome="failed") == 10
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("app.pubsub")]
    assert len([line for line in lines if "has lost Redis" in line]) == 1
    assert len([line for line in lines if "has Redis again" in line]) == 1


async def test_who_subscribes_during_an_outage_hears_the_gap(valkey: FragileValkey) -> None:
    async with opened(valkey, subscribe_timeout=0.05) as pubsub:
        valkey.kill()
        async with pubsub.subscribe("c") as first, pubsub.subscribe("c") as second:
            valkey.start()
            assert [await following(first), await following(second)] == [Gap, Gap]
            assert await pubsub.publish("c", 1)
            assert [await following(first), await following(second)] == [1, 1]


async def test_who_joins_others_during_an_outage_hears_the_gap(valkey: FragileValkey) -> None:
    async with opened(valkey, subscribe_timeout=1) as pubsub, pubsub.subscribe("c") as first:
        valkey.kill()
        await eventually(lambda: sample(pubsub, "connected") == 0)
        async with pubsub.subscribe("c") as second, pubsub.subscribe("d") as third:
            valkey.start()
            assert [await following(each) for each in (first, second, third)] == [Gap] * 3


async def test_who_waits_while_redis_comes_back_has_missed_nothing(valkey: FragileValkey) -> None:
    async with opened(valkey, subscribe_timeout=30) as pubsub:
        valkey.kill()
        manager = pubsub.subscribe("c")
        joining = asyncio.create_task(manager.__aenter__())
        await eventually(lambda: sample(pubsub, "subscribers") == 1)
        valkey.start()
        subscription = await joining
        assert await pubsub.publish("c", 1)
        assert await following(subscription) == 1
        await manager.__aexit__(None, None, None)


async def test_who_leaves_during_an_outage_is_not_subscribed_again(valkey: FragileValkey) -> None:
    async with opened(valkey) as pubsub, pubsub.subscribe("stays") as subscription:
        async with pubsub.subscribe("goes"):
            valkey.kill()
            await eventually(lambda: sample(pubsub, "connected") == 0)
        valkey.start()
        assert await following(subscription) is Gap
        assert valkey.channels() == ["lectern:stays"]


async def test_publishing_recovers_with_its_first_message(valkey: FragileValkey) -> None:
    async with opened(valkey, publish_pool_size=1) as pubsub:
        assert await pubsub.publish("c", 1) is True
        valkey.kill()
        assert await pubsub.publish("c", 2) is False
        valkey.start()
        assert await pubsub.publish("c", 3) is True
        # Dies while idle, with nobody looking.
        valkey.kill()
        valkey.start()
        assert await pubsub.publish("c", 4) is True


async def test_publishers_do_not_wait_for_a_frozen_server(valkey: FragileValkey) -> None:
    """All give up together, also those that wait for a connection."""
    async with opened(valkey, publish_timeout=0.5, publish_pool_size=2) as pubsub:
        valkey.freeze()
        assert await asyncio.gather(*(pubsub.publish("c", number) for number in range(50))) == [False] * 50
        valkey.thaw()
        assert await pubsub.publish("c", 1) is True


async def test_a_refused_connection_is_an_outage_that_ends(
    valkey: FragileValkey, caplog: pytest.LogCaptureFixture
) -> None:
    valkey.lock()
    async with opened(valkey, subscribe_timeout=0.05) as pubsub, pubsub.subscribe("c") as subscription:
        assert await pubsub.publish("c", 1) is False
        # The server's own words: the client did not lose itself in attempts to connect.
        assert "could not be published: Authentication required." in caplog.text
        valkey.unlock()
        assert await following(subscription) is Gap
        assert await pubsub.publish("c", 2) is True
        assert await following(subscription) == 2


async def test_nothing_is_missed_without_a_gap(valkey: FragileValkey) -> None:
    """Connections die again and again below a stream of numbers: whoever misses one has heard a gap before."""
    async with opened(valkey, queue_size=10_000) as pubsub, AsyncExitStack() as stack:
        opening = [stack.enter_async_context(pubsub.subscribe("c")) for _ in range(20)]
        subscriptions = await asyncio.gather(*opening)
        for number in range(2_000):
            assert await pubsub.publish("c", number)
            if number % 200 == 100:
                await eventually(lambda: valkey.subscriptions("lectern:c") == 1)
                valkey.command("CLIENT", "KILL", "TYPE", "pubsub")
        await eventually(lambda: sample(pubsub, "reconnects_total") == 10)
        await eventually(lambda: valkey.subscriptions("lectern:c") == 1)
        assert await pubsub.publish("c", 2_000)
        for subscription in subscriptions:
            values = await until(subscription, 2_000)
            expected, missed = 0, 0
            for before, value in pairwise([Gap, *values]):
                if value is not Gap:
                    assert value == expected or (before is Gap and value > expected)
                    missed += value - expected
                    expected = value + 1
            assert 0 < missed < 2_000
            assert 0 < values.count(Gap) <= 10


async def test_a_bug_in_the_link_is_survived(valkey: FragileValkey, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(valkey) as pubsub, pubsub.subscribe("c") as subscription:
        with monkeypatch.context() as patch:
            patch.setattr("app.pubsub.link.Message", None)
            assert await pubsub.publish("c", 1)
            await eventually(lambda: sample(pubsub, "connected") == 0)
        assert await following(subscription) is Gap
        assert await pubsub.publish("c", 2)
        assert await following(subscription) == 2
