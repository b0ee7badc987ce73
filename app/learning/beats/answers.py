"""What PostgreSQL has said, kept for a short while in the process: who reports every thirty seconds costs no statement.

What is used is asked again before it is too old, many keys at once and at most one statement a second; what is asked for
the first time, at once. So the number of statements does not grow with the number of viewers.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from contextvars import Context
from typing import Final, Generic, TypeVar

from app.errors import Unavailable

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Read = Callable[[list[Key]], Awaitable[Mapping[Key, Value]]]
"""Values of the keys that have one. Raises Unavailable."""

PACE = 1.0
"""Seconds between two statements that nobody waits for, and for which an outage is taken for granted."""
_BATCH: Final = 5_000


class Answers(Generic[Key, Value]):
    """At most `size` of them, each believed for `lifetime` seconds, while PostgreSQL is away for `patience` seconds.

    That there is none is never kept: who enrols is known at once.
    """

    def __init__(
        self,
        read: Read[Key, Value],
        *,
        size: int,
        lifetime: float,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._size = size
        self._lifetime = lifetime
        self._patience = patience
        self._clock = clock
        self._known: OrderedDict[Key, tuple[Value, float]] = OrderedDict()
        self._wanted: dict[Key, None] = {}
        self._paced: asyncio.Task[None] | None = None
        self._failed_at: float | None = None
        self._reading: dict[Key, asyncio.Task[None]] = {}

    async def of(self, keys: Iterable[Key]) -> tuple[dict[Key, Value], set[Key]]:
        """Values, and the keys of which nothing can be found out now. Waits only for what is not known, or too old."""
        found: dict[Key, Value] = {}
        late: list[Key] = []
        now = self._clock()
        for key in keys:
            entry = self._known.get(key)
            if entry is None or now - entry[1] >= self._lifetime:
                late.append(key)
                continue
            found[key] = entry[0]
            self._known.move_to_end(key)
            if now - entry[1] >= self._lifetime / 2:
                self._want(key)
        if not late:
            return found, set()
        return found, await self._late(late, found)

    async def close(self) -> None:
        tasks = {*self._reading.values(), *([self._paced] if self._paced else [])}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _late(self, keys: list[Key], found: dict[Key, Value]) -> set[Key]:
        """Adds to `found` what is read now, or where it cannot be read what was known. Returns the others."""
        away = self._failed_at is not None and self._clock() - self._failed_at < PACE
        if not away:
            try:
                await self._joined(keys)
            except Unavailable:
                away = True
        unknown: set[Key] = set()
        now = self._clock()
        for key in keys:
            entry = self._known.get(key)
            if entry is not None and now - entry[1] < (self._patience if away else self._lifetime):
                found[key] = entry[0]
            elif away:
                unknown.add(key)
        return unknown

    async def _joined(self, keys: list[Key]) -> None:
        """Reads what nobody reads yet, and waits for all. Goes on when its reader is cancelled."""
        own = [key for key in keys if key not in self._reading]
        if own:
            task = asyncio.create_task(self._renew(own))
            self._reading.update(dict.fromkeys(own, task))
            task.add_done_callback(lambda _: self._read_ended(own, task))
        for task in {self._reading[key] for key in keys if key in self._reading}:
            await asyncio.shield(task)

    def _read_ended(self, keys: list[Key], task: asyncio.Task[None]) -> None:
        for key in keys:
            del self._reading[key]
        if not task.cancelled():
            # Those who waited have heard it; perhaps none did.
            task.exception()

    async def _renew(self, keys: list[Key]) -> None:
        began = self._clock()
        try:
            values = await self._read(keys)
        except Unavailable:
            self._failed_at = self._clock()
            raise
        self._failed_at = None
        for key in keys:
            if key in values:
                self._known[key] = (values[key], began)
                self._known.move_to_end(key)
            else:
                self._known.pop(key, None)
        while len(self._known) > self._size:
            self._known.popitem(last=False)

    def _want(self, key: Key) -> None:
        self._wanted[key] = None
        if self._paced is None:
            # A context of its own: the statement is the process's, not the operation's that happens to come first.
            self._paced = asyncio.create_task(self._renew_wanted(), context=Context())

    async def _renew_wanted(self) -> None:
        try:
            await asyncio.sleep(min(PACE, self._lifetime / 4))
            while wanted := list(self._wanted)[:_BATCH]:
                for key in wanted:
                    del self._wanted[key]
                await self._renew(wanted)
        except Unavailable:
            # Each is asked for again by whoever needs it; until it is too old nobody has to wait for that.
            self._wanted.clear()
        finally:
            self._paced = None
