"""Publishing and subscribing while Redis is well."""

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import Any

import orjson
import pytest

from app.errors import Unavailable
from app.pubsub import Message
from app.pubsub.link import Wishes
from app.resources import Resources
from app.telemetry import request_id
from tests.app.pubsub.hearing import eventually, following, heard, opened, sample
from tests.support.programs import ROOT, environment
from tests.support.valkey import FragileValkey


async def test_a_hundred_subscribers_at_once_are_one_for_redis(valkey: FragileValkey) -> None:
    ready = asyncio.Barrier(101)

    async def listen() -> list[int]:
        async with pubsub.subscribe("course") as subscription:
            await ready.wait()
            return await heard(subscription, 200)

    async with opened(valkey) as pubsub:
        tasks = [asyncio.create_task(listen()) for _ in range(100)]
        await ready.wait()
        assert valkey.subscriptions("lectern:course") == 1
        assert sample(pubsub, "subscribers") == 100
        assert sample(pubsub, "channels") == 1
        for number in range(200):
            assert await pubsub.publish("course", number) is True
        assert await asyncio.gather(*tasks) == [list(range(200))] * 100
        await eventually(lambda: valkey.subscriptions("lectern:course") == 0)
        assert sample(pubsub, "subscribers") == sample(pubsub, "channels") == 0
        assert sample(pubsub, "received_total", outcome="delivered") == 200
        assert sample(pubsub, "published_total", outcome="published") == 200
        assert sample(pubsub, "gaps_total") == 0


async def test_a_thousand_channels_keep_apart(valkey: FragileValkey) -> None:
    async with opened(valkey) as pubsub, AsyncExitStack() as stack:
        opening = [stack.enter_async_context(pubsub.subscribe(f"c{number}")) for number in range(1_000)]
        subscriptions = await asyncio.gather(*opening)
        assert len(valkey.channels()) == 1_000
        assert valkey.command("CLIENT", "LIST", "TYPE", "pubsub").count("\n") == 1
        await asyncio.gather(*(pubsub.publish(f"c{number}", number) for number in range(1_000)))
        assert [await following(each) for each in subscriptions] == list(range(1_000))
        assert all(each.empty() for each in subscriptions)
        await stack.aclose()
        await eventually(lambda: valkey.channels() == [])


async def test_a_message_is_a_value_and_bytes(valkey: FragileValkey) -> None:
    async with opened(valkey) as pubsub, pubsub.subscribe("c") as one, pubsub.subscribe("c") as other:
        value = {"name": "Zoë 🎓", "list": [1, None, True, 1.5]}
        assert await pubsub.publish("c", value)
        event = await anext(one)
        assert isinstance(event, Message)
        assert (event.channel, event.message, event.payload) == ("c", value, orjson.dumps(value))
        assert (await anext(other)).message is event.message  # decoded once


async def test_publishing_what_is_no_message_is_refused(valkey: FragileValkey) -> None:
    async with opened(valkey, message_limit=1024) as pubsub, pubsub.subscribe("c") as subscription:
        assert await pubsub.publish("c", object()) is False
        assert await pubsub.publish("c", "x" * 1023) is False
        assert sample(pubsub, "published_total", outcome="refused") == 2
        assert await pubsub.publish("c\ud800", 1) is False
        assert sample(pubsub, "published_total", outcome="failed") == 1
        assert await pubsub.publish("c", "x" * 1022) is True
        assert await following(subscription) == "x" * 1022


async def test_others_nonsense_is_left_out(valkey: FragileValkey) -> None:
    async with opened(valkey) as pubsub, pubsub.subscribe("c") as subscription:
        for nonsense in ("", "{", "\udcff"):
            payload = nonsense.encode(errors="surrogateescape")
            valkey.command("PUBLISH", "lectern:c", payload)
        await pubsub.publish("c", "sense")
        assert await following(subscription) == "sense"
        assert sample(pubsub, "received_total", outcome="unreadable") == 3


async def test_a_prefix_keeps_two_lecterns_apart(valkey: FragileValkey) -> None:
    async with (
        opened(valkey, channel_prefix="green:") as green,
        opened(valkey, channel_prefix="blue:") as blue,
        blue.subscribe("c") as subscription,
    ):
        await green.publish("c", "green")
        await blue.publish("c", "blue")
        assert await following(subscription) == "blue"


# Answers on one channel what it hears on another.
ECHO = """
import asyncio, sys
from app.pubsub import PubSub
from app.settings import PubSubSettings, RedisSettings
from app.telemetry import Metrics

async def main():
    pubsub = PubSub(RedisSettings(url=sys.argv[1]), PubSubSettings(), Metrics())
    async with pubsub.subscribe("shared"), pubsub.subscribe("question") as subscription:
        print("ready", flush=True)
        for _ in range(100):
            assert await pubsub.publish("answer", (await anext(subscription)).message * 2)
    await pubsub.close()
    print("done", len(asyncio.all_tasks()), flush=True)

asyncio.run(main())
"""


async def test_two_processes(valkey: FragileValkey) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        ECHO,
        valkey.url,
        cwd=ROOT,
        env=environment(),
        stdout=-1,
        stderr=-1,
    )
    assert process.stdout
    assert await process.stdout.readline() == b"ready\n"
    async with opened(valkey) as pubsub, pubsub.subscribe("shared"), pubsub.subscribe("answer") as answers:
        assert valkey.subscriptions("lectern:shared") == 2
        for number in range(100):
            assert await pubsub.publish("question", number)
        assert await heard(answers, 100) == [2 * number for number in range(100)]
    assert await process.communicate() == (b"done 1\n", b"")
    assert process.returncode == 0
    await eventually(lambda: valkey.channels() == [])


async def test_closing_ends_all_subscriptions(valkey: FragileValkey) -> None:
    async def listen(ready: asyncio.Event) -> list[object]:
        async with pubsub.subscribe("c") as subscription:
            ready.set()
            return [event async for event in subscription]

    async with opened(valkey) as pubsub:
        events = [asyncio.Event() for _ in range(10)]
        tasks = [asyncio.create_task(listen(event)) for event in events]
        await asyncio.gather(*(event.wait() for event in events))
        await pubsub.close()
        assert await asyncio.gather(*tasks) == [[]] * 10
        with pytest.raises(Unavailable):
            async with pubsub.subscribe("c"):
                pass
        assert await pubsub.publish("c", 1) is False
        await eventually(lambda: valkey.command("CLIENT", "LIST").count("\n") == 1)


async def test_who_asks_again_after_the_end_hears_the_end(valkey: FragileValkey) -> None:
    async with opened(valkey) as pubsub, pubsub.subscribe("c") as subscription:
        await pubsub.close()
        for _ in range(3):
            with pytest.raises(StopAsyncIteration):
                await anext(subscription)


async def test_nothing_is_opened_before_it_is_needed(valkey: FragileValkey) -> None:
    before = asyncio.all_tasks()
    async with opened(valkey) as pubsub:
        assert asyncio.all_tasks() == before
        assert valkey.command("CLIENT", "LIST").count("\n") == 1  # who asks
        assert await pubsub.publish("c", 1) is True
        assert asyncio.all_tasks() == before


async def test_the_tasks_know_nothing_of_the_first_request(
    valkey: FragileValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    for name in ("start_anew", "add"):
        genuine = getattr(Wishes, name)

        def spy(wishes: Wishes, *channels: str, genuine: Any = genuine) -> None:
            seen.append(request_id.get())
            genuine(wishes, *channels)

        monkeypatch.setattr(Wishes, name, spy)
    token = request_id.set("the-first")
    try:
        async with opened(valkey) as pubsub, pubsub.subscribe("c"):
            assert seen == ["the-first", ""]  # who subscribed, and the task that does it for all
    finally:
        request_id.reset(token)


async def test_resources_have_it(resources: Resources) -> None:
    async with resources.pubsub.subscribe("c") as subscription:
        async with resources.database.transaction() as transaction:

            async def tell() -> None:
                await resources.pubsub.publish("c", "committed")

            transaction.after_commit(tell)
        assert await following(subscription) == "committed"
