"""Which entries have been changed in PostgreSQL and may still stand in Redis as they were: those are not read there.

The list is in PostgreSQL, written by the transactions that change things. Each process that reads caches reads it at
least once a second, so that a Redis that could not be told of a change is believed for a second at most, by anybody.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from contextvars import Context

from app.errors import Unavailable

REFRESH_SECONDS = 1.0
_AHEAD = 0.5  # seconds after which the list is read anew already, while nobody has to wait for it
_HOLD = 10.0
"""Seconds for which a process distrusts an entry that it has changed itself: longer than reading the list can take."""

Read = Callable[[], Awaitable[frozenset[str] | None]]
"""The list; None when it is too long to be of use."""


class Unsettled:
    """One instance per process."""

    def __init__(self, read: Read, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._own: dict[str, float] = {}
        self._list: frozenset[str] | None = frozenset()
        self._read_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    def add(self, entries: Iterable[str]) -> None:
        """Distrusts them from now on, here."""
        now = self._clock()
        self._own = {entry: until for entry, until in self._own.items() if until > now}
        self._own.update(dict.fromkeys(entries, now + _HOLD))

    async def among(self, entries: Iterable[str]) -> set[str]:
        """Those that must not be read from Redis; all of them when that cannot be found out."""
        age = math.inf if self._read_at is None else self._clock() - self._read_at
        if age >= REFRESH_SECONDS:
            try:
                await asyncio.shield(self._refresh())
            except Unavailable:
                return set(entries)
        elif age >= _AHEAD:
            self._refresh()
        now, listed = self._clock(), self._list
        return {
            entry for entry in entries if listed is None or entry in listed or self._own.get(entry, now) > now
        }

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def _refresh(self) -> asyncio.Task[None]:
        if self._reading is None:
            # A context of its own: the statement is the process's, not the operation's that happens to come first.
            self._reading = asyncio.create_task(self._renew(), context=Context())
            self._reading.add_done_callback(self._read_ended)
        return self._reading

    async def _renew(self) -> None:
        began = self._clock()
        self._list = await self._read()
        self._read_at = began

    def _read_ended(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        if not task.cancelled():
            # Those who waited have heard it; perhaps none did.
            task.exception()
