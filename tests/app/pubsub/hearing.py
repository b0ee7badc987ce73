"""Opens ports, listens, and looks for what is left behind."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from app.pubsub import Gap, Message, PubSub, Subscription
from app.settings import PubSubSettings, RedisSettings
from app.telemetry import Metrics
from tests.support.valkey import FragileValkey

# On a busy machine nothing but what a test means to take long may do so.
_PATIENT: dict[str, Any] = {"publish_timeout": 30, "subscribe_timeout": 30, "silence": 10}


@asynccontextmanager
async def opened(valkey: FragileValkey, **changes: Any) -> AsyncIterator[PubSub]:
    """A port of its own; afterwards no task of it is left."""
    before = asyncio.all_tasks()
    pubsub = PubSub(RedisSettings(url=valkey.url), PubSubSettings(**(_PATIENT | changes)), Metrics())
    try:
        yield pubsub
    finally:
        await pubsub.close()
        assert asyncio.all_tasks() <= before


async def following(subscription: Subscription) -> Any:
    """What comes next: a message's value, or Gap."""
    event = await anext(subscription)
    return event.message if isinstance(event, Message) else Gap


async def heard(subscription: Subscription, count: int) -> list[Any]:
    return [await following(subscription) for _ in range(count)]


async def until(subscription: Subscription, value: Any) -> list[Any]:
    """All that comes up to `value`, which is the last."""
    values = [await following(subscription)]
    while values[-1] != value:
        values.append(await following(subscription))
    return values


async def eventually(condition: Callable[[], bool], what: str = "it never happened") -> None:
    for _ in range(6_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(what)


def sample(pubsub: PubSub, name: str, **labels: str) -> float:
    return pubsub._metrics.registry.get_sample_value(f"lectern_pubsub_{name}", labels) or 0.0
