"""One viewer's state of one video as the buffer holds it, and what a call adds to it. Times are milliseconds.

Ranges are flat lists of ascending, disjoint, half-open pairs: [0, 1000, 2000, 3000].
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

Pair = tuple[int, int]
"""A person and a video."""
Ranges = list[int]

VERSION, SINCE = 16, 13
"""Characters that stand before a state's JSON, so that scripts need not read it."""


class Position(NamedTuple):
    """Where somebody was, by their own clock. The largest of all reported counts; what is equal in all is the same."""

    at: int
    sequence: int
    position: int


class Viewing(NamedTuple):
    """What is known of one stretch of watching; as a union of whatever has come of it."""

    device: str
    started: int
    ended: int
    watched: Ranges
    seeks: Ranges
    """Sequence numbers of beats that told of a seek."""


class ProgressState(NamedTuple):
    position: Position
    viewings: dict[str, Viewing]

    @property
    def watched(self) -> Ranges:
        return union(viewing.watched for viewing in self.viewings.values())


class ViewingUpdate(NamedTuple):
    """The beats of one viewing in one call. `first`, `last` are (sequence, time); `length` is what the first has watched."""

    key: str
    viewing: Viewing
    first: tuple[int, int]
    last: tuple[int, int]
    length: int


class VideoUpdate(NamedTuple):
    video_id: int
    position: Position
    viewings: list[ViewingUpdate]


def union(several: Iterable[Ranges]) -> Ranges:
    """The union of ranges, in any order."""
    pairs = sorted((ranges[i], ranges[i + 1]) for ranges in several for i in range(0, len(ranges), 2))
    united: Ranges = []
    end = -1
    for start, stop in pairs:
        if start > end:
            united += (start, stop)
            end = stop
        elif stop > end:
            united[-1] = end = stop
    return united


def length(ranges: Ranges) -> int:
    return sum(ranges[1::2]) - sum(ranges[::2])


def written(user_id: int, update: VideoUpdate) -> list[Any]:
    """As the script of merging reads it."""
    video = update.video_id
    return [
        f"{user_id}:{video}",
        tuple(update.position),
        [
            [each.key, *each.viewing, f"{video}:{each.key}", *each.first, *each.last, each.length]
            for each in update.viewings
        ],
    ]


def read(raw: bytes) -> ProgressState:
    """A state as the script has left it."""
    held = orjson.loads(raw[VERSION + SINCE :])
    return ProgressState(
        Position(*held["p"]),
        {
            # An empty list is an empty object to the server's encoder.
            key: Viewing(device, started, ended, watched or [], seeks or [])
            for key, (device, started, ended, watched, seeks) in held["v"].items()
        },
    )
