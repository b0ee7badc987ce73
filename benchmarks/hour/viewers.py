"""Viewers, what their devices do, and what must be known of them afterwards.

Time is the simulation's: seconds since its beginning, an hour or so ago. Ranges and positions are whole seconds, so that no
rounding stands between what was reported and what is found.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from graphql_schema.node import global_id

BEAT = 30  # seconds, as the API asks for
COURSES, VIDEOS = 20, 10
MOST = 100  # beats of a call
Beat = dict[str, Any]
Key = tuple[int, int]
"""A person and a video."""


def video_of(course: int, number: int) -> int:
    return (course - 1) * VIDEOS + number + 1


def length_of(video: int) -> int:
    """Seconds: 8 to 27 minutes."""
    return 480 + video * 389 % 1_140


@dataclass(slots=True)
class Expected:
    """Of a person and a video, from all that was ever reported."""

    position: tuple[datetime, int, int]
    """By what is compared: when, which number, where."""
    watched: list[tuple[int, int]] = field(default_factory=list)

    def add(self, position: tuple[datetime, int, int], begin: int, end: int) -> None:
        self.position = max(self.position, position)
        if begin < end:
            if self.watched and self.watched[-1][1] == begin:
                self.watched[-1] = self.watched[-1][0], end
            else:
                self.watched.append((begin, end))


@dataclass(slots=True)
class Viewing:
    video: int
    key: str
    at: int
    """Seconds of the video."""
    sequence: int = 0


@dataclass(slots=True)
class Device:
    user: int
    name: str
    random: Random
    skew: int
    """Seconds by which its clock is wrong."""
    speed: int
    expected: dict[Key, Expected]
    """Shared by the devices of a person, and by all persons."""
    viewings: set[tuple[int, int, str]]
    waiting: deque[Beat] = field(default_factory=deque)
    """Beats that no answer has accepted yet: they survive whatever happens to a call."""
    late: list[tuple[int, deque[Beat]]] = field(default_factory=list)
    """Calls that are held up on their way, and until when; younger ones overtake them."""
    idle_until: int = 0
    offline_until: int = 0
    viewing: Viewing | None = None
    watched_videos: int = 0

    def live(self, now: int, began: datetime) -> None:
        """The next thirty seconds."""
        if now < self.idle_until:
            return
        if self.viewing is None:
            course = 1 + self.user % COURSES
            video = video_of(course, (self.user + self.watched_videos) % VIDEOS)
            # A second device goes on in the middle of what the first shows.
            begin = 0 if self.name == "a" else length_of(video) // 3
            self.viewing = Viewing(video, f"{self.name}{now}", begin)
            self._report("PLAY", now, began, begin, begin)
        chance, viewing = self.random.random(), self.viewing
        end = min(viewing.at + BEAT * self.speed, length_of(viewing.video))
        begin, viewing.at = viewing.at, end
        if end == length_of(viewing.video):
            self._report("END", now + BEAT, began, begin, end)
            self.viewing, self.watched_videos = None, self.watched_videos + 1
        elif chance < 0.04:
            self._report("PAUSE", now + BEAT, began, begin, end)
            self.idle_until = now + BEAT * (1 + self.random.randrange(8))
            if chance < 0.02:  # comes back as a new viewing, of the same video from where it stopped
                self.viewing = Viewing(viewing.video, f"{self.name}{self.idle_until}", end)
        elif chance < 0.08:
            self._report("SEEK", now + BEAT, began, begin, end)
            viewing.at = self.random.randrange(length_of(viewing.video) - 1)
        else:
            self._report("HEARTBEAT", now + BEAT, began, begin, end)
        if chance > 0.99:
            self.offline_until = now + BEAT * (2 + self.random.randrange(20))

    def _report(self, event: str, now: int, began: datetime, begin: int, end: int) -> None:
        viewing = self.viewing
        assert viewing is not None
        at = began + timedelta(seconds=now + self.skew)
        key, position = (self.user, viewing.video), (at, viewing.sequence, end * 1000)
        self.expected.setdefault(key, Expected(position)).add(position, begin * 1000, end * 1000)
        self.viewings.add((*key, viewing.key))
        self.waiting.append(
            {
                "videoId": global_id("Video", viewing.video),
                "viewingKey": viewing.key,
                "event": event,
                "positionSeconds": float(end),
                "watchedFrom": float(begin),
                "watchedTo": float(end),
                "clientSequence": viewing.sequence,
                "clientTime": at.isoformat(),
            }
        )
        viewing.sequence += 1


class Audience:
    def __init__(self, viewers: int, minutes: int, seed: int) -> None:
        random = Random(seed)
        self.began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes + 5)
        self.expected: dict[Key, Expected] = {}
        self.viewings: set[tuple[int, int, str]] = set()
        self.devices = list(self._devices(viewers, random))

    def _devices(self, viewers: int, random: Random) -> Iterator[Device]:
        for user in range(1, viewers + 1):
            for name in "ab" if user % 10 == 0 else "a":
                skew, speed = random.randrange(-120, 120), random.choice((1, 1, 1, 2))
                own = Random(random.random())
                device = Device(user, name, own, skew, speed, self.expected, self.viewings)
                device.idle_until = BEAT * random.randrange(4)
                yield device
