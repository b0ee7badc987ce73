"""What PostgreSQL has said, kept for a short while in the process: who reports now and then costs no statement.

Whatever has been used of late is asked again before it is too old, by nobody's call and thousands of keys at once, however
rarely it is used; what is asked for the first time, at once. So the number of statements does not grow with the number of
viewers, nor when a busy server asks them to report more rarely than an answer is believed.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from contextvars import Context
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from app.errors import Unavailable

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Read = Callable[[list[Key]], Awaitable[Mapping[Key, Value]]]
"""Values of the keys that have one. Raises Unavailable."""

PACE = 5.0
"""Seconds between two looks for what must be asked again, at most."""
_AWAY: Final = 1.0
"""Seconds for which an outage is taken for granted: each who asked would wait as long as the first."""
_BATCH: Final = 2_000
"""Keys of a statement that nobody waits for: the loop is not busy with its rows for more than some milliseconds."""


@dataclass(slots=True)
class _Answer(Generic[Value]):
    value: Value
    read_at: float
    used_at: float


class Answers(Generic[Key, Value]):
    """At most `size` of them, each believed for `lifetime` seconds, while PostgreSQL is away for `patience` seconds.

    What was used within the last `kept` seconds never grows older than `lifetime` while PostgreSQL answers. That there is
    none is never kept: who enrols is known at once.
    """

    def __init__(
        self,
        read: Read[Key, Value],
        *,
        size: int,
        lifetime: float,
        kept: float,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._size = size
        self._lifetime = lifetime
        self._kept = kept
        self._patience = patience
        self._clock = clock
        self._known: OrderedDict[Key, _Answer[Value]] = OrderedDict()
        """The longest unused first."""
        self._due: deque[tuple[float, Key]] = deque()
        """What was read when, the oldest first; what has been read again since stands twice."""
        self._renewing: asyncio.Task[None] | None = None
        self._failed_at: float | None = None
        self._reading: dict[Key, asyncio.Task[None]] = {}

    async def of(self, keys: Iterable[Key]) -> tuple[dict[Key, Value], set[Key]]:
        """Values, and the keys of which nothing can be found out now. Waits only for what is not known, or too old."""
        found: dict[Key, Value] = {}
        late: list[Key] = []
        now = self._clock()
        for key in keys:
            entry = self._known.get(key)
            if entry is None or now - entry.read_at >= self._lifetime:
                late.append(key)
                continue
            found[key] = entry.value
            entry.used_at = now
            self._known.move_to_end(key)
        if not late:
            return found, set()
        return found, await self._late(late, found)

    async def close(self) -> None:
        tasks = {*self._reading.values(), *([self._renewing] if self._renewing else [])}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _late(self, keys: list[Key], found: dict[Key, Value]) -> set[Key]:
        """Adds to `found` what is read now, or where it cannot be read what was known. Returns the others."""
        away = self._failed_at is not None and self._clock() - self._failed_at < _AWAY
        if not away:
            try:
                await self._joined(keys)
            except Unavailable:
                away = True
        unknown: set[Key] = set()
        now = self._clock()
        for key in keys:
            entry = self._known.get(key)
            if entry is not None and now - entry.read_at < (self._patience if away else self._lifetime):
                found[key] = entry.value
                entry.used_at = now
            elif away:
                unknown.add(key)
        return unknown

    async def _joined(self, keys: list[Key]) -> None:
        """Reads what nobody reads yet, and waits for all. Goes on when its reader is cancelled."""
        own = [key for key in keys if key not in self._reading]
        if own:
            task = asyncio.create_task(self._read_now(own))
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

    async def _read_now(self, keys: list[Key], *, used: bool = True) -> None:
        began = self._clock()
        try:
            values = await self._read(keys)
        except Unavailable:
            self._failed_at = self._clock()
            raise
        self._failed_at = None
        for key in keys:
            if key not in values:
                self._known.pop(key, None)
                continue
            entry = self._known.get(key)
            self._known[key] = _Answer(values[key], began, began if used or entry is None else entry.used_at)
            self._due.append((began, key))
            if used:
                self._known.move_to_end(key)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        if self._due and self._renewing is None:
            # A context of its own: the statements are the process's, not the operation's that happens to come first.
            self._renewing = asyncio.create_task(self._renew(), context=Context())

    async def _renew(self) -> None:
        """Until nothing is known that has been used of late."""
        try:
            while self._due:
                await asyncio.sleep(min(PACE, self._lifetime / 4))
                while wanted := self._too_old_soon():
                    try:
                        await self._read_now([key for _, key in wanted], used=False)
                    except Unavailable:
                        # Nobody has waited for it; in a moment again.
                        self._due.extendleft(reversed(wanted))
                        break
        finally:
            self._renewing = None

    def _too_old_soon(self) -> list[tuple[float, Key]]:
        """A batch at most, of what has been used of late; when it was read, and the key."""
        now = self._clock()
        wanted: list[tuple[float, Key]] = []
        while self._due and len(wanted) < _BATCH and now - self._due[0][0] >= self._lifetime / 2:
            read_at, key = self._due.popleft()
            entry = self._known.get(key)
            if entry is not None and entry.read_at == read_at and now - entry.used_at < self._kept:
                wanted.append((read_at, key))
        return wanted
