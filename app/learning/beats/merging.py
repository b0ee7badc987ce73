"""One person's accepted beats of one call, put together by video and viewing: what the buffer then unites."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from app.learning.beats.beat import Beat, BeatEvent, BeatRejection, Span
from app.learning.progress_buffer import Position, VideoUpdate, Viewing, ViewingUpdate, union
from app.learning.progress_buffer.buffer import LONGEST, RATE, SLACK, Known


class Heard(NamedTuple):
    """A beat that is good by itself, with its number in the call."""

    index: int
    beat: Beat
    span: Span


Group = dict[tuple[int, str], list[Heard]]
Refuse = Callable[[int, BeatRejection], None]
"""Of a beat, by its number."""


def grouped(heard: Iterable[Heard]) -> Group:
    """By viewing; in each the earlier beats first, whatever their order was."""
    groups: Group = {}
    for each in heard:
        groups.setdefault((each.beat.video_id or 0, each.beat.viewing_key), []).append(each)
    for group in groups.values():
        group.sort(key=_sequence)
    return groups


def _sequence(heard: Heard) -> tuple[int, int]:
    return heard.beat.sequence, heard.beat.at


def measured(group: list[Heard], refuse: Refuse) -> list[Heard]:
    """Holds each beat but the first against the one before it; the first against what the buffer knows, there."""
    return _kept(group[1:], [group[0]], None, refuse)


def remeasured(group: list[Heard], known: Known | None, refuse: Refuse) -> list[Heard]:
    """The same of all of them, when the buffer has said what it knows."""
    return _kept(group, [], known, refuse)


def _kept(beats: Iterable[Heard], kept: list[Heard], known: Known | None, refuse: Refuse) -> list[Heard]:
    """Those that watched no more than the time since a beat before allows. Where none is known, or a clock was put
    back, an hour is believed: who was told to report rarely, or was offline.
    """
    for each in beats:
        beat = each.beat
        before = next((k.beat.at for k in reversed(kept) if k.beat.sequence < beat.sequence), None)
        if before is None and known is not None and known.first < beat.sequence:
            before = known.last_at if known.last < beat.sequence else known.first_at
        longest = LONGEST
        if before is not None and beat.at >= before:
            longest = RATE * (beat.at - before) + SLACK
        if each.span.stop - each.span.start > longest:
            refuse(each.index, BeatRejection.IMPLAUSIBLE_RANGE)
        else:
            kept.append(each)
    return kept


def updates(groups: Group, device: str) -> list[VideoUpdate]:
    """Of viewings with at least one beat each, in the order of `groups` as long as its videos stand together."""
    made: dict[int, VideoUpdate] = {}
    for (video, key), group in groups.items():
        position = max([(each.beat.at, each.beat.sequence, each.span.position) for each in group])
        there = made.get(video)
        if there is None:
            there = made[video] = VideoUpdate(video, Position(*position), [])
        elif position > there.position:
            there = made[video] = there._replace(position=Position(*position))
        there.viewings.append(_viewing(key, group, device))
    return list(made.values())


def _viewing(key: str, group: list[Heard], device: str) -> ViewingUpdate:
    first, last = group[0], group[-1]
    times = [each.beat.at for each in group]
    watched = union([[each.span.start, each.span.stop] for each in group if each.span.start < each.span.stop])
    seeks = union(
        [[each.beat.sequence, each.beat.sequence + 1] for each in group if each.beat.event is BeatEvent.SEEK]
    )
    return ViewingUpdate(
        key,
        Viewing(device, min(times), max(times), watched, seeks),
        (first.beat.sequence, first.beat.at),
        (last.beat.sequence, last.beat.at),
        first.span.stop - first.span.start,
    )
