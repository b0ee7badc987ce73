"""What is said to Redis, each time in one round trip and within the cache's own short limit."""

from asyncio import timeout
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from secrets import token_bytes
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.cache.envelope import GENERATION_BYTES
from app.cache.keys import AnySpec, generation_key
from app.circuits import Circuit
from app.errors import Unavailable
from app.keyvalue import redis_pool
from app.settings import CacheSettings, RedisSettings
from app.telemetry import Metrics

LEASE = 2.0
"""Seconds for which others leave the computing of an entry to whoever has begun it."""
_OUTLIVES = 600
"""Seconds by which a generation outlives its value. It may go earlier: then the value counts no more."""
_COMPUTING = 60
"""Seconds for which the generation of a value that is yet to come is kept."""
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Held:
    """An entry as it was read: a value counts only while its generation is the entry's."""

    value: bytes | None
    generation: bytes | None


@dataclass(frozen=True, slots=True)
class Lease:
    """The generation that the computed value will be of, and whether computing it is ours."""

    generation: bytes
    ours: bool


class Store:
    """Every method raises Unavailable when Redis is away, slow, full or left alone; nothing waits longer than `timeout`."""

    def __init__(self, redis: RedisSettings, settings: CacheSettings, metrics: Metrics) -> None:
        self._timeout = settings.timeout
        pool = redis_pool(
            redis,
            max_connections=settings.pool_size,
            timeout=settings.timeout,
            socket_connect_timeout=settings.timeout,
            socket_timeout=settings.timeout,
        )
        self._redis = Redis.from_pool(pool)
        self._circuit = Circuit("cache", metrics)

    async def read(self, spec: AnySpec, entries: Sequence[str]) -> list[Held]:
        """In the order of `entries`."""
        keys = [*map(spec.value_key, entries), *map(generation_key, entries)]

        async def talk() -> list[bytes | None]:
            found: list[bytes | None] = await self._redis.mget(keys)
            return found

        answers = await self._exchange(talk)
        return [
            Held(value, generation)
            for value, generation in zip(answers[: len(entries)], answers[len(entries) :], strict=True)
        ]

    async def lease(self, spec: AnySpec, entries: Sequence[str]) -> list[Lease]:
        """To be asked for before computing begins: what is forgotten later has another generation then."""

        async def talk() -> list[bytes | bool | None]:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for entry in entries:
                    generation = generation_key(entry)
                    pipeline.set(generation, token_bytes(GENERATION_BYTES), nx=True, ex=_COMPUTING)
                    pipeline.get(generation)
                    pipeline.set(spec.lease_key(entry), b"", nx=True, px=round(LEASE * 1000))
                answers: list[bytes | bool | None] = await pipeline.execute()
                return answers

        answers = await self._exchange(talk)
        return [
            # A generation that went between the two commands: what is computed counts no longer, which is right.
            Lease(generation if isinstance(generation, bytes) else b"", bool(ours))
            for generation, ours in zip(answers[1::3], answers[2::3], strict=True)
        ]

    async def write(
        self, spec: AnySpec, values: Sequence[tuple[str, bytes, float]], done: Iterable[str]
    ) -> None:
        """Stores (entry, bytes, seconds) of those of `done` that have a value; nothing stays behind of the others."""
        kept = {entry for entry, _, _ in values}

        async def talk() -> None:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for entry, data, seconds in values:
                    pipeline.set(spec.value_key(entry), data, px=max(1, round(seconds * 1000)))
                    pipeline.expire(generation_key(entry), int(spec.ttl) + _OUTLIVES)
                for entry in done:
                    # Ours may have ended and be another's by now; then one more computes, which does no harm.
                    pipeline.delete(spec.lease_key(entry))
                    if entry not in kept:
                        # Whoever asks for numbers that nothing has must not fill Redis with them.
                        pipeline.delete(generation_key(entry))
                await pipeline.execute()

        await self._exchange(talk)

    async def forget(self, entries: Sequence[str]) -> None:
        """Without its generation a value counts no more, in any release, not even one that is being computed."""

        async def talk() -> None:
            await self._redis.delete(*map(generation_key, entries))

        await self._exchange(talk)

    async def close(self) -> None:
        await self._redis.aclose()

    async def _exchange(self, talk: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            with self._circuit.call():
                async with timeout(self._timeout):
                    return await talk()
        except (RedisError, OSError) as error:
            raise Unavailable("The cache does not answer.") from error
