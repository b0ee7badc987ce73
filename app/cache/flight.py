"""One batch, from the look into Redis to the values: what is missing is computed once, by one of all processes."""

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.cache.envelope import UNPACKED_LIMIT, Envelope, pack, unpack
from app.cache.keys import CacheSpec, Scope, Value
from app.cache.store import Held, Lease, Store
from app.cache.unsettled import Unsettled
from app.errors import Unavailable
from app.settings import CacheSettings
from app.telemetry import Metrics

Identifier = TypeVar("Identifier", bound=int | str)
Compute = Callable[[Scope, list[Identifier]], Awaitable[Mapping[Identifier, Value]]]
"""Reads what is asked for, for that audience and nobody else; what does not exist it leaves out."""

PATIENCE = 0.1
"""Seconds to wait for what another process computes, before computing it here too."""
_LOOK_AGAIN = 0.01
_EARLY = 0.02  # a single reader renews a value when a fiftieth of its life is left, on average; many readers earlier
_JITTER = 0.1  # of its life by which a value may end earlier, so that what was stored together does not end together

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deck:
    """What every flight of a process needs."""

    store: Store
    unsettled: Unsettled
    settings: CacheSettings
    metrics: Metrics


class Flight(Generic[Scope, Identifier, Value]):
    def __init__(
        self,
        deck: Deck,
        spec: CacheSpec[Scope, Value],
        scope: Scope,
        entries: Mapping[Identifier, str],
        compute: Compute[Scope, Identifier, Value],
    ) -> None:
        self._deck = deck
        self._store = deck.store
        self._spec = spec
        self._scope = scope
        self._entries = entries
        self._read = compute
        self._known: dict[Identifier, Value] = {}

    async def run(self) -> dict[Identifier, Value]:
        """Values of those that exist. Raises only what computing raises."""
        distrusted = await self._deck.unsettled.among(self._entries.values())
        direct = [identifier for identifier, entry in self._entries.items() if entry in distrusted]
        self._count("unsettled", direct)
        asked = [identifier for identifier, entry in self._entries.items() if entry not in distrusted]
        missing, early = asked, list(asked[:0])
        leases: dict[Identifier, Lease] = {}
        if asked:
            try:
                missing, early = await self._look(asked)
                leases = await self._leases([*missing, *early])
            except Unavailable:
                self._count("bypassed", missing)
                self._count("hit", early)
                direct, missing, early = [*direct, *missing], [], []
        mine = [identifier for identifier in missing if leases[identifier].ours]
        renewed = [identifier for identifier in early if leases[identifier].ours]
        self._count("miss", mine)
        self._count("refreshed", renewed)
        self._count("hit", [identifier for identifier in early if not leases[identifier].ours])
        await self._compute([*direct, *mine], renewed, leases)
        late = await self._others([identifier for identifier in missing if not leases[identifier].ours])
        self._count("miss", late)
        await self._compute(late, [], leases)
        return self._known

    async def _look(self, asked: list[Identifier]) -> tuple[list[Identifier], list[Identifier]]:
        """Notes what Redis has. Returns what it has not, and what is there and to be computed again early."""
        missing, early, hits = [], [], []
        now = time.time()
        held = await self._store.read(self._spec, [self._entries[identifier] for identifier in asked])
        for identifier, found in zip(asked, held, strict=True):
            envelope = self._opened(identifier, found)
            if envelope is None:
                missing.append(identifier)
            elif (
                now - max(envelope.seconds, self._spec.ttl * _EARLY) * math.log(_chance()) >= envelope.ends_at
            ):
                early.append(identifier)
            else:
                hits.append(identifier)
        self._count("hit", hits)
        return missing, early

    def _opened(self, identifier: Identifier, found: Held) -> Envelope | None:
        if found.value is None:
            return None
        envelope = unpack(found.value)
        value = None if envelope is None else self._spec.decode(envelope.body)
        if envelope is None or value is None:
            self._deck.metrics.cache_unreadable.labels(self._spec.name).inc()
            return None
        if envelope.generation != found.generation:
            return None
        self._known[identifier] = value
        return envelope

    async def _leases(self, wanted: list[Identifier]) -> dict[Identifier, Lease]:
        if not wanted:
            return {}
        leases = await self._store.lease(self._spec, [self._entries[identifier] for identifier in wanted])
        return dict(zip(wanted, leases, strict=True))

    async def _compute(
        self, needed: list[Identifier], renewed: list[Identifier], leases: Mapping[Identifier, Lease]
    ) -> None:
        """One call for all. What is only renewed is there already, and stays when computing fails."""
        wanted = [*needed, *renewed]
        if not wanted:
            return
        began = time.perf_counter()
        try:
            computed = await self._read(self._scope, wanted)
        except Unavailable:
            if needed:
                raise
            return
        seconds = time.perf_counter() - began
        self._deck.metrics.cache_compute_seconds.labels(self._spec.name).observe(seconds)
        for identifier in wanted:
            self._known.pop(identifier, None)
        self._known.update(computed)
        kept = [identifier for identifier in wanted if identifier in leases]
        if kept:
            await self._keep(kept, leases, seconds)

    async def _keep(
        self, identifiers: Sequence[Identifier], leases: Mapping[Identifier, Lease], seconds: float
    ) -> None:
        """What does not exist is not kept: that it does not is asked again each time."""
        packed = []
        for identifier in identifiers:
            if identifier in self._known:
                life = self._spec.ttl * (1 - _JITTER * random.random())  # noqa: S311 - spreads load, hides nothing
                data = self._packed(self._known[identifier], leases[identifier], life, seconds)
                if data is not None:
                    packed.append((self._entries[identifier], data, life))
        outcome = "stored"
        try:
            await self._store.write(self._spec, packed, [self._entries[each] for each in identifiers])
        except Unavailable:
            outcome = "failed"
        if packed:
            self._deck.metrics.cache_writes.labels(self._spec.name, outcome).inc(len(packed))

    def _packed(self, value: Value, lease: Lease, life: float, seconds: float) -> bytes | None:
        metrics, name = self._deck.metrics, self._spec.name
        try:
            body = self._spec.encode(value)
        except Exception:  # noqa: BLE001
            # A mistake of ours, which the answer must not suffer from.
            _log.exception("a value of the cache %s cannot be written down", name)
            metrics.cache_writes.labels(name, "unfit").inc()
            return None
        envelope = Envelope(lease.generation, time.time() + life, seconds, body)
        data = pack(envelope, compress_above=self._deck.settings.compress_above)
        if len(body) > UNPACKED_LIMIT or len(data) > self._deck.settings.value_limit:
            metrics.cache_writes.labels(name, "too_large").inc()
            return None
        metrics.cache_value_bytes.labels(name).observe(len(data))
        return data

    async def _others(self, waiting: list[Identifier]) -> list[Identifier]:
        """Notes what other processes have computed meanwhile. Returns what nobody has."""
        until = time.monotonic() + PATIENCE
        found: list[Identifier] = []
        while waiting and time.monotonic() < until:
            await asyncio.sleep(_LOOK_AGAIN)
            try:
                held = await self._store.read(self._spec, [self._entries[each] for each in waiting])
            except Unavailable:
                break
            for identifier, there in zip(waiting, held, strict=True):
                if self._opened(identifier, there) is not None:
                    found.append(identifier)
            waiting = [identifier for identifier in waiting if identifier not in self._known]
        self._count("awaited", found)
        return waiting

    def _count(self, outcome: str, identifiers: Iterable[Any]) -> None:
        if number := len(list(identifiers)):
            self._deck.metrics.cache_requests.labels(self._spec.name, outcome).inc(number)


def _chance() -> float:
    # Never 0, which has no logarithm.
    return 1.0 - random.random()  # noqa: S311 - spreads load, hides nothing
