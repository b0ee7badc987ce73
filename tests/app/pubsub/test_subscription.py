"""A slow subscriber ends; nobody waits for it and nothing grows."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from app.pubsub import Gap, PubSub, TooSlow
from tests.app.pubsub.hearing import eventually, following, heard, opened, sample
from tests.support.valkey import FragileValkey


async def publish_numbers(pubsub: PubSub, count: int) -> None:
    for number in range(count):
        assert await pubsub.publish("c", number)


async def test_the_slow_one_ends_and_the_others_hear_all(valkey: FragileValkey) -> None:
    async with opened(valkey, queue_size=64) as pubsub, AsyncExitStack() as stack:
        slow = await stack.enter_async_context(pubsub.subscribe("c"))
        others = [await stack.enter_async_context(pubsub.subscribe("c")) for _ in range(10)]
        tasks = [asyncio.create_task(heard(each, 1_000)) for each in others]
        await publish_numbers(pubsub, 1_000)
        assert await asyncio.gather(*tasks) == [list(range(1_000))] * 10
        assert slow.qsize() == 1  # the word that it has ended
        assert sample(pubsub, "slow_subscribers_total") == 1
        assert sample(pubsub, "subscribers") == 10
        for _ in range(2):
            with pytest.raises(TooSlow):
                await anext(slow)


async def test_as_many_as_the_queue_holds_are_no_overflow(valkey: FragileValkey) -> None:
    async with opened(valkey, queue_size=8) as pubsub, pubsub.subscribe("c") as subscription:
        await publish_numbers(pubsub, 8)
        await eventually(lambda: subscription.qsize() == 8)
        assert await heard(subscription, 8) == list(range(8))
        await publish_numbers(pubsub, 9)
        await eventually(lambda: sample(pubsub, "slow_subscribers_total") == 1)
        with pytest.raises(TooSlow):
            await heard(subscription, 9)


async def test_a_burst_at_once_finds_its_readers_awake(valkey: FragileValkey) -> None:
    burst = "for number = 1, 5000 do redis.call('PUBLISH', 'lectern:c', number) end"
    async with opened(valkey, queue_size=64) as pubsub, pubsub.subscribe("c") as subscription:
        hearing = asyncio.create_task(heard(subscription, 5_000))
        valkey.command("EVAL", burst, "0")
        assert await hearing == list(range(1, 5_001))


async def test_bytes_count_too(valkey: FragileValkey) -> None:
    async with opened(valkey, queue_bytes=1024) as pubsub, pubsub.subscribe("c") as subscription:
        for _ in range(3):
            assert await pubsub.publish("c", "x" * 500)
            assert await following(subscription) == "x" * 500
        for _ in range(3):
            assert await pubsub.publish("c", "x" * 500)
        await eventually(lambda: sample(pubsub, "slow_subscribers_total") == 1)
        with pytest.raises(TooSlow):
            await following(subscription)


async def test_one_message_alone_always_fits(valkey: FragileValkey) -> None:
    async with opened(valkey, queue_bytes=1024) as pubsub, pubsub.subscribe("c") as subscription:
        assert await pubsub.publish("c", "x" * 10_000)
        assert await following(subscription) == "x" * 10_000


async def test_the_last_one_that_ends_gives_the_channel_back(valkey: FragileValkey) -> None:
    """Also while its block is stuck somewhere else."""
    async with opened(valkey, queue_size=1) as pubsub, pubsub.subscribe("c"):
        await publish_numbers(pubsub, 2)
        await eventually(lambda: valkey.channels() == [])
        assert sample(pubsub, "subscribers") == sample(pubsub, "channels") == 0
        async with pubsub.subscribe("c") as again:
            await publish_numbers(pubsub, 1)
            assert await following(again) == 0


async def test_gaps_that_nobody_reads_are_one(valkey: FragileValkey) -> None:
    async with opened(valkey) as pubsub, pubsub.subscribe("c") as subscription:
        for count in range(1, 4):
            valkey.command("CLIENT", "KILL", "TYPE", "pubsub")
            await eventually(lambda expected=count: sample(pubsub, "reconnects_total") == expected)  # type: ignore[misc]
            await eventually(lambda: valkey.subscriptions("lectern:c") == 1)
        assert await pubsub.publish("c", "end")
        assert await heard(subscription, 2) == [Gap, "end"]


async def test_when_the_distribution_fails_nobody_waits_for_ever(
    valkey: FragileValkey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(valkey) as pubsub:
        async with pubsub.subscribe("c") as subscription:
            with monkeypatch.context() as patch:
                patch.setattr(type(subscription), "_take", None)
                assert await pubsub.publish("c", 1)
                with pytest.raises(StopAsyncIteration):
                    await anext(subscription)
        assert "distribution" in caplog.text
        async with pubsub.subscribe("c") as subscription:
            assert await pubsub.publish("c", 2)
            assert await following(subscription) == 2
