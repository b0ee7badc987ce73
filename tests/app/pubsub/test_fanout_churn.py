"""Many come and go, are cancelled anywhere: no subscription is lost, none stays."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest

from app.pubsub import Gap, PubSub
from app.pubsub.backend import ResilientBackend
from app.settings import PubSubSettings, RedisSettings
from app.telemetry import Metrics
from tests.app.pubsub.hearing import eventually, following, opened, sample
from tests.support.valkey import FragileValkey


async def test_who_comes_while_others_go_misses_nothing(valkey: FragileValkey) -> None:
    begun = published = 0

    async def publish() -> None:
        nonlocal begun, published
        while not all(task.done() for task in tasks):
            begun = published + 1
            if await pubsub.publish("c", begun):
                published = begun

    async def come_and_go(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(100):
            async with pubsub.subscribe("c") as subscription:
                # The one that is under way may have been before us or will come after us.
                expected = begun + 1
                for turn in range(chance.randrange(4)):
                    value = await following(subscription)
                    if value is Gap:
                        break
                    assert value == expected or (turn == 0 and value < expected)
                    expected = value + 1
            await asyncio.sleep(chance.choice([0, 0, 0.001]))

    async with opened(valkey) as pubsub:
        tasks = [asyncio.create_task(come_and_go(seed)) for seed in range(4)]
        publisher = asyncio.create_task(publish())
        await asyncio.gather(publisher, *tasks)
        assert published > 100
        await eventually(lambda: valkey.channels() == [])
        assert sample(pubsub, "subscribers") == sample(pubsub, "channels") == 0


@pytest.mark.parametrize("rounds", [1, 2, 50])
async def test_leaving_and_joining_at_once(rounds: int, valkey: FragileValkey) -> None:
    """Without a pause, so that Redis hears of it in one go."""
    async with opened(valkey) as pubsub:
        for _ in range(rounds):
            async with pubsub.subscribe("c"):
                pass
        async with pubsub.subscribe("c") as subscription:
            assert await pubsub.publish("c", rounds)
            assert await following(subscription) == rounds
            assert valkey.subscriptions("lectern:c") == 1
        await eventually(lambda: valkey.channels() == [])


class CancelledAt:
    """Awaits a coroutine and cancels the running task when it suspends for the `step`-th time (from 0)."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], step: int) -> None:
        self._coroutine = coroutine
        self._step = step
        self.reached = False

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._coroutine.__await__()
        step = 0
        try:
            awaited = next(steps)
            while True:
                if step == self._step:
                    self.reached = True
                    task = asyncio.current_task()
                    assert task
                    task.cancel()  # cancels what is awaited next: exactly here
                step += 1
                try:
                    yield awaited
                except BaseException as error:  # noqa: BLE001 - it is the coroutine's, as under a task
                    awaited = steps.throw(error)
                else:
                    awaited = next(steps)
        except StopIteration as result:
            return result.value


async def cancelled_everywhere(make: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Runs what `make` makes with a cancellation at each of its suspensions. Returns how many there were."""

    async def attempt(step: int) -> bool:
        cancelled = CancelledAt(make(), step)
        try:
            await cancelled
        except asyncio.CancelledError:
            return True
        assert not cancelled.reached, "it swallowed its cancellation"
        return False

    step = 0
    while await asyncio.create_task(attempt(step)):
        step += 1
    return step


async def hear_one(pubsub: PubSub) -> None:
    async with pubsub.subscribe("c") as subscription:
        assert await pubsub.publish("c", 1)
        assert await following(subscription) == 1


async def test_cancelled_anywhere_nothing_stays_subscribed(valkey: FragileValkey) -> None:
    async with opened(valkey) as pubsub:

        async def one() -> None:
            await hear_one(pubsub)

        steps = await cancelled_everywhere(one)
        assert steps >= 3  # for Redis to confirm, to publish, for the message
        await eventually(lambda: valkey.channels() == [])
        assert sample(pubsub, "subscribers") == sample(pubsub, "channels") == 0
        await hear_one(pubsub)


async def test_cancelled_anywhere_in_the_life_of_a_port(valkey: FragileValkey) -> None:
    """The first subscriber starts the tasks; its cancellation must not take them along."""

    async def one() -> None:
        try:
            await hear_one(pubsub)
        except asyncio.CancelledError:
            await asyncio.create_task(hear_one(pubsub))
            raise

    reached = True
    step = 0
    while reached:
        async with opened(valkey) as pubsub:
            attempt = CancelledAt(one(), step)
            result = await asyncio.gather(asyncio.ensure_future(attempt), return_exceptions=True)
            reached = attempt.reached
            assert isinstance(result[0], asyncio.CancelledError) == reached
        await eventually(lambda: valkey.channels() == [])
        step += 1
    assert step > 3


async def test_cancelled_while_publishing_the_pool_stays_whole(valkey: FragileValkey) -> None:
    async with opened(valkey, publish_pool_size=1) as pubsub:

        async def publish() -> None:
            assert await pubsub.publish("c", 1)

        assert await cancelled_everywhere(publish) >= 1
        await publish()


async def test_tasks_cancelled_at_random(valkey: FragileValkey) -> None:
    chance = random.Random(1)

    async def listen(channel: int) -> None:
        async with pubsub.subscribe(f"c{channel}") as subscription:
            async for _ in subscription:
                pass

    async with opened(valkey) as pubsub:
        for _ in range(50):
            tasks = [asyncio.create_task(listen(chance.randrange(5))) for _ in range(20)]
            for task in tasks:
                await asyncio.sleep(chance.choice([0, 0, 0, 0.001]))
                task.cancel()
            assert all(
                isinstance(result, asyncio.CancelledError)
                for result in await asyncio.gather(*tasks, return_exceptions=True)
            )
        await eventually(lambda: valkey.channels() == [])
        assert sample(pubsub, "subscribers") == sample(pubsub, "channels") == 0
        await hear_one(pubsub)


async def test_the_backend_keeps_what_the_table_relies_on(valkey: FragileValkey) -> None:
    backend = ResilientBackend(RedisSettings(url=valkey.url), PubSubSettings(), Metrics())
    for promise in (backend.connect(), backend.subscribe("c"), backend.unsubscribe("c")):
        with pytest.raises(StopIteration):  # done in one step: it did not suspend
            promise.send(None)
    await backend.disconnect()
