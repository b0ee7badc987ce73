"""The buffer: merged by those who report, taken and settled by those who flush, looked at by those who show progress."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from time import perf_counter
from typing import Final, NamedTuple

import orjson

from app.circuits import Circuit
from app.keyvalue import KeyValue, Script
from app.learning.progress_buffer.state import (
    SINCE,
    VERSION,
    Pair,
    ProgressState,
    VideoUpdate,
    read,
    written,
)
from app.settings import ProgressSettings
from app.telemetry import Metrics

# The braces keep all keys on one node of a cluster: a script touches several.
_PREFIX: Final = "lectern:{progress}:"
_QUEUE: Final = f"{_PREFIX}queue"
_STATE: Final = f"{_PREFIX}state:"
_BYTES: Final = f"{_PREFIX}bytes"
_LATEST: Final = f"{_PREFIX}latest:"

RATE = 4
"""Seconds of a video that a second of watching can show: no player runs faster."""
SLACK = 10_000
"""Milliseconds by which a range may exceed that: timers and clocks are not exact."""
LONGEST = 3_600_000
"""Milliseconds that a beat may have watched where no earlier one of its viewing is known to measure it by."""
RANGES, VIEWINGS = 400, 200
"""Ranges, and viewings, of one key. A call brings half of that at most, so that a settled key always takes a whole one; from
half of it on a key is taken before all others. Such a state has some 25 KB at most.
"""
READ = 128_000
"""Bytes of states that one call reads before it leaves the others of its videos as they are: some milliseconds of Redis. Of
states of a usual size that is more than a call has videos.
"""
OVERHEAD = 300
"""Bytes that Redis needs for a key beside its state: names, the queue, what an allocator rounds up."""
BUDGET = 30_000
"""Viewings that one person may begin at once: each is a row. Three devices that were offline for a week have 6,000 at most;
a class that shares an account has some left.
"""
PRICE = 2_000
"""Milliseconds after which another may begin."""
TAKE = 4_000_000
"""Bytes of states that are taken at once, for the same reason. Usual ones are a tenth of that."""
_REMEMBER = 6 * 3600
"""Seconds for which the latest beats of a viewing are known, to judge the next one by."""
_LATEST_VIEWINGS = 200
"""Viewings of one person that are known so; with one more all are forgotten, and the next beats are judged alone."""


class Known(NamedTuple):
    """What was known of a viewing when its first beat was found implausible: sequence and time of its ends."""

    first: int
    first_at: int
    last: int
    last_at: int


@dataclass(frozen=True, slots=True)
class Merge:
    """What became of a call. When something is `implausible`, by the number of its viewing, nothing was merged at all."""

    implausible: Mapping[int, Known | None]
    full: frozenset[int]
    """Updates, by number, for which there is no room, or was no time."""
    over: bool
    """The person has begun more viewings than their budget allows: nothing was merged."""
    filled: float
    """The share of its room that the buffer uses: of keys or bytes, whichever is larger."""


class Waiting(NamedTuple):
    """What waits: how many keys, for how many seconds the oldest has that PostgreSQL does not refuse, bytes of states."""

    keys: int
    oldest: float
    bytes: int


class Taken(NamedTuple):
    """A key on lease: its version tells later whether more has come. `size` is its state's, in bytes."""

    pair: Pair
    version: bytes
    since: int
    """When the first of it came, by Redis's clock."""
    state: ProgressState
    size: int


class ProgressBuffer:
    """One per process. Every method raises Unavailable; each is one round trip."""

    def __init__(self, keyvalue: KeyValue, settings: ProgressSettings, metrics: Metrics) -> None:
        self._keyvalue = keyvalue
        self._circuit = Circuit("progress", metrics)
        self._settings = settings
        self._limits = orjson.dumps(
            {
                "keys": settings.buffer_limit,
                "bytes": settings.buffer_bytes,
                "overhead": OVERHEAD,
                "read": READ,
                "budget": BUDGET * PRICE,
                "price": PRICE,
                "ranges": RANGES,
                "viewings": VIEWINGS,
                "rate": RATE,
                "slack": SLACK,
                "longest": LONGEST,
                "remember": _REMEMBER,
                "latest": _LATEST_VIEWINGS,
            }
        )
        self._merge, self._take, self._settle, self._release, self._measure = map(
            self._script, ("merge", "take", "settle", "release", "measure")
        )
        self.latency = 0.0
        """Seconds that merging takes at present: the mean of the latest ten or so."""

    async def merge(self, user_id: int, updates: Sequence[VideoUpdate], *, checked: bool = False) -> Merge:
        """Unites what one person has reported, at most 100 beats, with what waits. To repeat it does no harm.

        `checked`: first beats were held against what is known before; otherwise the script does it.
        """
        keys = [
            _QUEUE,
            _BYTES,
            f"{_LATEST}{user_id}",
            *(f"{_STATE}{user_id}:{update.video_id}" for update in updates),
        ]
        body = orjson.dumps([written(user_id, update) for update in updates])
        began = perf_counter()
        with self._circuit.call():
            version = os.urandom(VERSION // 2).hex()
            answer = orjson.loads(await self._merge(keys, version, self._limits, body, int(checked)))
        self.latency += (perf_counter() - began - self.latency) / 10
        settings = self._settings
        return Merge(
            {number: Known(*known) if known else None for number, *known in answer.get("implausible", ())},
            frozenset(answer.get("full", ())),
            answer.get("over", False),
            max(
                answer.get("keys", 0) / settings.buffer_limit, answer.get("bytes", 0) / settings.buffer_bytes
            ),
        )

    async def take(self, number: int, *, lease: float) -> tuple[int, list[Taken]]:
        """Up to `number` keys or TAKE bytes, those that wait longest, and when they were taken (Redis's clock).

        Whoever takes them settles or releases them within `lease` seconds; later anybody may take them again.
        """
        moment, *found = await self._take([_QUEUE], _STATE, number, round(lease * 1000), TAKE)
        return int(moment), [
            Taken(_pair(member), raw[:VERSION], int(raw[VERSION : VERSION + SINCE]), read(raw), len(raw))
            for member, raw in zip(found[::2], found[1::2], strict=True)
        ]

    async def settle(self, taken: Iterable[Taken], moment: int) -> int:
        """Forgets those that have not changed since they were taken. Returns how many; the others are due again."""
        named = [part for each in taken for part in (_member(each.pair), each.version)]
        return int(await self._settle([_QUEUE, _BYTES], _STATE, moment, *named)) if named else 0

    async def release(self, taken: Iterable[Taken], *, after: float = 0.0, aside: bool = False) -> None:
        """Makes them due again without having been written, at once or in so many seconds. `aside`: PostgreSQL refuses them;
        until they are written once they are taken last, and their age is not measured.
        """
        if members := [_member(each.pair) for each in taken]:
            await self._release([_QUEUE], _STATE, round(after * 1000), int(aside), *members)

    async def peek(self, pairs: Sequence[Pair]) -> dict[Pair, ProgressState]:
        """What waits of these, for whoever shows progress: look here first, then into PostgreSQL, and unite."""
        if not pairs:
            return {}
        with self._circuit.call():
            found = await self._keyvalue.get_many([f"{_STATE}{_member(pair)}" for pair in pairs])
        return {pair: read(raw) for pair, raw in zip(pairs, found, strict=True) if raw is not None}

    async def measure(self) -> Waiting:
        keys, milliseconds, size = await self._measure([_QUEUE, _BYTES], _STATE)
        return Waiting(int(keys), int(milliseconds) / 1000, int(size))

    def _script(self, name: str) -> Script:
        return self._keyvalue.script(files(__package__ or "").joinpath(f"{name}.lua").read_text())


def _member(pair: Pair) -> str:
    return f"{pair[0]}:{pair[1]}"


def _pair(member: bytes) -> Pair:
    user_id, _, video_id = member.partition(b":")
    return int(user_id), int(video_id)
