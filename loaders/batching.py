"""The only batching code. A loader is declared in one line; a read answers for many keys in one statement.

Stands on aiodataloader, whose flaws are kept away from callers: a loader is made inside the running loop at its first
use, lives for one operation, and a waiter that is cancelled takes nobody else with it (`load` hands out the shared
future; edges await it through `asyncio.shield`).
"""

from asyncio import Future
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Generic, TypeVar

from aiodataloader import DataLoader
from asyncpg import Record

from app.cache import PUBLIC, Cache, CacheSpec, Public
from app.database import Fetch
from app.identity.actor import Actor
from app.learning.progress_buffer import ProgressBuffer
from app.telemetry import Metrics

Row = Record | Mapping[str, Any]
Read = Callable[..., Awaitable[list[Record]]]
Value = TypeVar("Value")


class Source:
    """What every batch of an operation reads with: where, for whom, and who counts."""

    __slots__ = ("actor", "cache", "connection", "metrics", "progress_buffer")

    def __init__(
        self,
        connection: Fetch,
        actor: Actor,
        metrics: Metrics,
        cache: Cache,
        progress_buffer: ProgressBuffer,
    ) -> None:
        self.cache = cache
        self.progress_buffer = progress_buffer
        self.connection = connection
        self.actor = actor
        self.metrics = metrics


class Loader(DataLoader[Any, Value]):
    """Keys that are asked for in one turn of the loop become one call of `read_batch`."""

    def __init__(self, read_batch: Callable[[list[Any]], Coroutine[Any, Any, list[Value]]]) -> None:
        super().__init__(batch_load_fn=read_batch)

    def load(self, key: Any) -> "Future[Value]":
        known = self._cache.get(key)
        if known is not None and known.cancelled():
            # aiodataloader would answer CancelledError for ever.
            self.clear(key)
        return super().load(key)


class DomainLoaders:
    """One domain's loaders for one operation; each is made at its first use."""

    def __init__(self, source: Source) -> None:
        self.source = source


Split = Callable[[list[Record], Sequence[Any], str], list[Any]]


class _Declared(Generic[Value]):
    """A loader as a class attribute: `course = one_per_key(courses_by_id, key="id")`."""

    def __init__(
        self,
        read: Callable[..., Awaitable[Any]],
        key: str,
        split: Split,
        *,
        for_actor: bool,
        buffered: bool = False,
    ) -> None:
        self._read = read
        self._key = key
        self._split = split
        self._for_actor = for_actor
        self._buffered = buffered
        self._name = ""

    def __set_name__(self, owner: type[DomainLoaders], name: str) -> None:
        self._name = name

    def make(self, source: Source, *parameters: Any) -> Loader[Value]:
        series = source.metrics.loader_batch.labels(self._name)
        if self._buffered:
            parameters = (source.progress_buffer, *parameters)
        if self._for_actor:
            parameters = (source.actor, *parameters)

        async def read_batch(keys: list[Any]) -> list[Value]:
            series.observe(len(keys))
            rows = await self._read(source.connection, keys, *parameters)
            return self._split(rows, keys, self._key)

        return Loader(read_batch)


class _PerKey(_Declared[Value]):
    def __get__(self, domain: DomainLoaders, owner: type[DomainLoaders]) -> Loader[Value]:
        # A non-data descriptor: the instance's attribute hides it from the second access on.
        loader = self.make(domain.source)
        domain.__dict__[self._name] = loader
        return loader


class Pages(Generic[Value]):
    """The same relation with different pages: one loader, and so one statement, for each set of arguments."""

    def __init__(self, declared: _Declared[Value], source: Source) -> None:
        self._declared = declared
        self._source = source
        self._loaders: dict[tuple[Any, ...], Loader[Value]] = {}

    def __call__(self, *parameters: Any) -> Loader[Value]:
        loader = self._loaders.get(parameters)
        if loader is None:
            loader = self._loaders[parameters] = self._declared.make(self._source, *parameters)
        return loader


class _PagesPerKey(_Declared[list[Record]]):
    def __get__(self, domain: DomainLoaders, owner: type[DomainLoaders]) -> Pages[list[Record]]:
        pages = domain.__dict__[self._name] = Pages(self, domain.source)
        return pages


class _CardPerKey(_PerKey[Row | None]):
    """Through a public cache first, whose read knows no actor; then, for what is not public, by the actor's own read."""

    def __init__(self, cards: CacheSpec[Public, Any], read: Read, key: str, otherwise: Read | None) -> None:
        super().__init__(read, key, _one, for_actor=False)
        self._cards = cards
        self._otherwise = otherwise

    def make(self, source: Source, *_parameters: Any) -> Loader[Row | None]:
        series = source.metrics.loader_batch.labels(self._name)

        async def compute(_audience: Public, keys: list[Any]) -> dict[Any, Any]:
            rows = await self._read(source.connection, keys)
            return {row[self._key]: dict(row) for row in rows}

        async def read_batch(keys: list[Any]) -> list[Row | None]:
            series.observe(len(keys))
            found = await source.cache.get_many(self._cards, PUBLIC, keys, compute)
            others = [key for key in keys if key not in found]
            if others and self._otherwise is not None:
                rows = await self._otherwise(source.connection, others, source.actor)
                found |= {row[self._key]: row for row in rows}
            return [found.get(key) for key in keys]

        return Loader(read_batch)


def _one(rows: list[Record], keys: Sequence[Any], key: str) -> list[Record | None]:
    by_key = {row[key]: row for row in rows}
    return [by_key.get(key) for key in keys]


def _many(rows: list[Record], keys: Sequence[Any], key: str) -> list[list[Record]]:
    by_key: dict[Any, list[Record]] = {key: [] for key in keys}
    for row in rows:
        by_key[row[key]].append(row)
    return [by_key[key] for key in keys]


def one_per_key(read: Read, *, key: str, for_actor: bool = False) -> _PerKey[Record | None]:
    """`read(connection, keys)` gives at most one row a key; a key without a row loads None."""
    return _PerKey(read, key, _one, for_actor=for_actor)


def progress_per_key(read: Callable[..., Awaitable[Any]], *, key: str) -> _PerKey[Row | None]:
    """As `one_per_key`, for what also the progress buffer knows: `read(connection, keys, actor, buffer)`."""
    return _PerKey(read, key, _one, for_actor=True, buffered=True)


def card_per_key(
    cards: CacheSpec[Public, Any], read: Read, *, key: str, otherwise: Read | None = None
) -> _PerKey[Row | None]:
    """As `one_per_key`, through the cache `cards`: `read(connection, keys)` gives what anybody may see.

    What it does not give is asked of `otherwise(connection, keys, actor)`, and never cached.
    """
    return _CardPerKey(cards, read, key, otherwise)


def many_per_key(read: Read, *, key: str, for_actor: bool = False) -> _PerKey[list[Record]]:
    """`read(connection, keys)` gives any rows, in the order they are to be seen; a key without rows loads []."""
    return _PerKey(read, key, _many, for_actor=for_actor)


def pages_per_key(read: Read, *, key: str, for_actor: bool = False) -> _PagesPerKey:
    """`read(connection, keys, *page)` gives one page of rows a key: `loaders.catalog.lessons(first, after).load(key)`."""
    return _PagesPerKey(read, key, _many, for_actor=for_actor)
