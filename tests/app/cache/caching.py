"""Caches of their own for tests, over any Valkey; what PostgreSQL says is unsettled is a set here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from app.cache import Cache, CacheSpec, OfViewer, Public
from app.errors import Unavailable
from app.settings import CacheSettings, RedisSettings
from app.telemetry import Metrics


class Thing(TypedDict):
    id: int
    name: str
    price: Decimal
    token: UUID
    made_at: datetime
    day: date | None
    ratio: float
    tags: list[str]
    parts: list[tuple[int, datetime]]
    open: bool


THINGS = CacheSpec("test_thing", version=1, scope=Public, kind=Thing, ttl=60)
NUMBERS = CacheSpec("test_number", version=1, scope=Public, kind=int, ttl=60)
MINE = CacheSpec("test_mine", version=1, scope=OfViewer, kind=str, ttl=60)
MOMENT = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)


def thing(number: int, **changes: Any) -> Thing:
    made: Any = {
        "id": number,
        "name": "Ünï \x00 \U0001f98a",
        "price": Decimal("12345678901234567890.10"),
        "token": UUID(int=number),
        "made_at": MOMENT,
        "day": date(2024, 2, 29),
        "ratio": 0.1 + 0.2,
        "tags": ["a", ""],
        "parts": [(1, MOMENT)],
        "open": True,
    }
    return made | changes  # type: ignore[no-any-return]


@dataclass
class Truth:
    """Where values come from: counts who asks, and can be slow, or away."""

    values: dict[int, Any] = field(default_factory=dict)
    asked: list[list[int]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False

    def __post_init__(self) -> None:
        self.gate.set()

    async def compute(self, _scope: Any, identifiers: list[int]) -> dict[int, Any]:
        self.asked.append(sorted(identifiers))
        if self.away:
            raise Unavailable("away")
        found = {number: self.values[number] for number in identifiers if number in self.values}
        self.entered.set()
        await self.gate.wait()
        return found


UNSETTLED: set[str] = set()


async def _unsettled() -> frozenset[str]:
    return frozenset(UNSETTLED)


@asynccontextmanager
async def opened(url: str, **changes: Any) -> AsyncIterator[Cache]:
    """A process's cache, patient unless told otherwise; afterwards no task of it is left."""
    settings = CacheSettings(**({"timeout": 10} | changes))
    before = asyncio.all_tasks()
    cache = Cache(RedisSettings(url=url), settings, Metrics(), unsettled=_unsettled)
    try:
        yield cache
    finally:
        await cache.close()
        # A fixture ends in another task than it began in.
        assert asyncio.all_tasks() - {asyncio.current_task()} <= before


def total(cache: Cache, name: str, /, **labels: str) -> float:
    return cache._metrics.registry.get_sample_value(f"lectern_{name}", labels) or 0.0


def requests(cache: Cache, spec: Any) -> dict[str, int]:
    """What became of the entries of a cache that were asked for."""
    return {
        sample.labels["outcome"]: int(sample.value)
        for metric in cache._metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "lectern_cache_requests_total" and sample.labels["cache"] == spec.name
    }
