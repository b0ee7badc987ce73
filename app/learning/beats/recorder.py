"""One call's beats, from either door to the buffer."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from app.errors import Unavailable
from app.learning.beats.access import Permits, RecordingAccess
from app.learning.beats.beat import Beat, BeatRejection, fault, span
from app.learning.beats.devices import device_class
from app.learning.beats.merging import Group, Heard, grouped, measured, remeasured, updates
from app.learning.beats.pacing import RAREST, next_beat_after
from app.learning.progress_buffer import Merge, ProgressBuffer, VideoUpdate
from app.telemetry import Metrics

ACCEPTED = "accepted"


class Rejected(NamedTuple):
    number: int
    code: BeatRejection


class Report(NamedTuple):
    accepted: int
    rejected: list[Rejected]
    """In the order of the beats."""
    next_beat_after: int
    """Seconds."""


class Recorder:
    """One per process. Needs no statement for whom it knows."""

    def __init__(
        self,
        buffer: ProgressBuffer,
        access: RecordingAccess,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.access = access
        self._buffer = buffer
        self._metrics = metrics
        self._clock = clock
        self._outcomes = {code: metrics.beats.labels(code) for code in (*BeatRejection, ACCEPTED)}

    async def record(self, user_id: int, beats: Sequence[Beat | None], *, user_agent: str = "") -> Report:
        """Takes up to MAX_BEATS beats, None for one without a shape; a bad one spoils no other. Never raises for outages."""
        refused: dict[int, BeatRejection] = {}
        good = self._sound(beats, refused)
        permits = await self.access.permits(user_id, {beat.video_id or 0 for _, beat in good})
        groups = grouped(_heard(good, permits, refused))
        pause = RAREST
        if groups:
            try:
                pause = await self._buffered(user_id, groups, device_class(user_agent), refused)
            except Unavailable:
                for each in _members(groups):
                    refused.setdefault(each, BeatRejection.RETRY_LATER)
        elif BeatRejection.RETRY_LATER not in refused.values():
            pause = next_beat_after(filled=0, latency=0)
        return self._reported(len(beats), refused, pause)

    def _sound(
        self, beats: Sequence[Beat | None], refused: dict[int, BeatRejection]
    ) -> list[tuple[int, Beat]]:
        now = int(self._clock() * 1000)
        good = []
        for index, beat in enumerate(beats):
            if beat is None:
                refused[index] = BeatRejection.MALFORMED
            elif beat.video_id is None:
                refused[index] = BeatRejection.UNKNOWN_VIDEO
            elif (code := fault(beat, now)) is not None:
                refused[index] = code
            else:
                good.append((index, beat))
        return good

    async def _buffered(
        self, user_id: int, groups: Group, device: str, refused: dict[int, BeatRejection]
    ) -> int:
        """Returns the seconds until the next beat. `groups` is left with what was sent."""
        first_refusals: dict[int, BeatRejection] = {}
        kept = {key: measured(group, first_refusals.__setitem__) for key, group in groups.items()}
        sent = updates(kept, device)
        merge = await self._buffer.merge(user_id, sent)
        if merge.implausible:
            # Rare: a client that is broken or lies. Nothing was merged; what was known now judges all its beats.
            names = [(update.video_id, viewing.key) for update in sent for viewing in update.viewings]
            for number, known in merge.implausible.items():
                group = groups[names[number]]
                for each in group:
                    first_refusals.pop(each.number, None)
                kept[names[number]] = remeasured(group, known, first_refusals.__setitem__)
            kept = {key: group for key, group in kept.items() if group}
            sent = updates(kept, device)
            if sent:
                merge = await self._buffer.merge(user_id, sent, checked=True)
        refused.update(first_refusals)
        if merge.over:
            refused.update((each, BeatRejection.RETRY_LATER) for each in _members(kept))
            return RAREST
        _refuse_full(merge, sent, kept, refused)
        return next_beat_after(filled=merge.filled, latency=self._buffer.latency)

    def _reported(self, number: int, refused: dict[int, BeatRejection], pause: int) -> Report:
        if number > len(refused):
            self._outcomes[ACCEPTED].inc(number - len(refused))
        for code in refused.values():
            self._outcomes[code].inc()
        rejected = [Rejected(*each) for each in sorted(refused.items())] if refused else []
        return Report(number - len(refused), rejected, pause)


def _heard(
    good: Iterable[tuple[int, Beat]], permits: Permits, refused: dict[int, BeatRejection]
) -> Iterable[Heard]:
    for index, beat in good:
        video = beat.video_id or 0
        facts = permits.videos.get(video)
        if facts is None:
            away = video in permits.unknown_videos
            refused[index] = BeatRejection.RETRY_LATER if away else BeatRejection.UNKNOWN_VIDEO
        elif facts.course_id in permits.unknown_courses:
            refused[index] = BeatRejection.RETRY_LATER
        elif facts.course_id not in permits.courses:
            # Of a course that is not published strangers must not even hear that it is there.
            refused[index] = BeatRejection.UNKNOWN_VIDEO if facts.draft else BeatRejection.NOT_ENROLLED
        else:
            within = span(beat, facts.duration)
            if isinstance(within, BeatRejection):
                refused[index] = within
            else:
                yield Heard(index, beat, within)


def _refuse_full(
    merge: Merge, sent: Sequence[VideoUpdate], kept: Group, refused: dict[int, BeatRejection]
) -> None:
    videos = {sent[number].video_id for number in merge.full}
    for (video, _), group in kept.items():
        if video in videos:
            refused.update((each.number, BeatRejection.RETRY_LATER) for each in group)


def _members(groups: Group) -> Iterable[int]:
    return (each.number for group in groups.values() for each in group)
