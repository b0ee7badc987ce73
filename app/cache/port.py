"""Get or compute, as the rest of the program sees it."""

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

from app.cache.flight import Compute, Deck, Flight, Identifier
from app.cache.keys import CacheSpec, Scope, Value
from app.cache.store import Store
from app.cache.unsettled import Read, Unsettled
from app.errors import Unavailable
from app.settings import CacheSettings, RedisSettings
from app.telemetry import Metrics

_log = logging.getLogger(__name__)


class Cache:
    """One per process; opens nothing before its first use. `unsettled` reads which entries not to believe Redis about."""

    def __init__(
        self, redis: RedisSettings, settings: CacheSettings, metrics: Metrics, *, unsettled: Read
    ) -> None:
        self._metrics = metrics
        self._store = Store(redis, settings, metrics)
        self._unsettled = Unsettled(unsettled)
        self._deck = Deck(self._store, self._unsettled, settings, metrics)
        # Those to join, and all that are under way.
        self._flights: dict[tuple[str, str], asyncio.Task[dict[Any, Any]]] = {}
        self._tasks: set[asyncio.Task[dict[Any, Any]]] = set()

    async def get_many(
        self,
        spec: CacheSpec[Scope, Value],
        scope: Scope,
        identifiers: Iterable[Identifier],
        compute: Compute[Scope, Identifier, Value],
    ) -> dict[Identifier, Value]:
        """Values of those that exist, in no order, not to be changed by their readers. Raises only what `compute` raises.

        To be awaited while holding no connection. Whoever asks for what is on its way waits for it; all that is missing
        is computed in one call, which goes on when its reader is cancelled.
        """
        own: dict[Identifier, str] = {}
        joined: dict[Identifier, asyncio.Task[dict[Any, Any]]] = {}
        for identifier in identifiers:
            entry = spec.entry(scope, identifier)
            flight = self._flights.get((entry, spec.version))
            if flight is None:
                own[identifier] = entry
            else:
                joined[identifier] = flight
        if joined:
            self._metrics.cache_requests.labels(spec.name, "joined").inc(len(joined))
        if own:
            task = asyncio.create_task(Flight(self._deck, spec, scope, own, compute).run())
            self._tasks.add(task)
            keys = [(entry, spec.version) for entry in own.values()]
            self._flights.update(dict.fromkeys(keys, task))
            task.add_done_callback(partial(self._landed, keys))
            joined.update(dict.fromkeys(own, task))
        values: dict[Identifier, Value] = {}
        for task in dict.fromkeys(joined.values()):
            arrived = await asyncio.shield(task)
            values.update(
                (identifier, arrived[identifier])
                for identifier, flight in joined.items()
                if flight is task and identifier in arrived
            )
        return values

    async def forget(self, entries: Iterable[str]) -> None:
        """After a commit that changed them: nothing older is read here from now on, whether Redis hears it or not."""
        names = frozenset(entries)
        self._unsettled.add(names)
        for key in [key for key in self._flights if key[0] in names]:
            # What began before the commit is nothing to join any more.
            del self._flights[key]
        try:
            await self.settle(names)
        except Unavailable:
            _log.warning(
                "Redis does not hear that %d cached entries have changed; a job repeats it", len(names)
            )

    async def settle(self, entries: Iterable[str]) -> None:
        """Makes Redis forget them. Raises Unavailable when it is not known to have done so."""
        if names := sorted(set(entries)):
            await self._store.forget(names)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._unsettled.close()
        await self._store.close()

    def _landed(self, keys: list[tuple[str, str]], task: asyncio.Task[dict[Any, Any]]) -> None:
        self._tasks.discard(task)
        for key in keys:
            if self._flights.get(key) is task:
                del self._flights[key]
        if not task.cancelled():
            # Its readers have heard it; perhaps none did.
            task.exception()
