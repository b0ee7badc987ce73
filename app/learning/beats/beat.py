"""A beat as both doors hand it in, what it may hold, and why one is refused."""

import re
from enum import StrEnum
from typing import Any, Final, NamedTuple

MAX_BEATS = 100
LARGEST_SEQUENCE = 2**31 - 2
"""One less than a GraphQL Int holds: the database writes a sequence number down as the range up to the next."""
AHEAD = 5 * 60_000
"""Milliseconds by which a client's clock may be ahead of ours."""
OLDEST = 7 * 24 * 3_600_000
"""Milliseconds for which a device may have been offline with what it reports."""
OVERRUN = 1_000
"""Milliseconds by which a position may lie behind a video's end: players and encoders measure differently."""

_KEY: Final = re.compile(r"[A-Za-z0-9._~-]{1,36}").fullmatch


class BeatEvent(StrEnum):
    PLAY = "PLAY"
    HEARTBEAT = "HEARTBEAT"
    PAUSE = "PAUSE"
    SEEK = "SEEK"
    END = "END"


class BeatRejection(StrEnum):
    """Sent again, only RETRY_LATER may be taken; the others never are."""

    MALFORMED = "MALFORMED"
    UNKNOWN_VIDEO = "UNKNOWN_VIDEO"
    NOT_ENROLLED = "NOT_ENROLLED"
    INVALID_VIEWING_KEY = "INVALID_VIEWING_KEY"
    INVALID_SEQUENCE = "INVALID_SEQUENCE"
    INVALID_POSITION = "INVALID_POSITION"
    INVALID_RANGE = "INVALID_RANGE"
    IMPLAUSIBLE_RANGE = "IMPLAUSIBLE_RANGE"
    CLOCK_AHEAD = "CLOCK_AHEAD"
    TOO_OLD = "TOO_OLD"
    RETRY_LATER = "RETRY_LATER"


MESSAGES: Final = {
    BeatRejection.MALFORMED: "A field is missing or of another type.",
    BeatRejection.UNKNOWN_VIDEO: "There is no such video.",
    BeatRejection.NOT_ENROLLED: "Only of those who are enrolled in its course is progress recorded.",
    BeatRejection.INVALID_VIEWING_KEY: "A viewing key is 1 to 36 letters, digits or any of . _ ~ -",
    BeatRejection.INVALID_SEQUENCE: "A sequence number is 0 to 2147483646.",
    BeatRejection.INVALID_POSITION: "The position does not lie within the video.",
    BeatRejection.INVALID_RANGE: "What was watched is no range within the video.",
    BeatRejection.IMPLAUSIBLE_RANGE: "More was watched than four times the time that has passed.",
    BeatRejection.CLOCK_AHEAD: "The client's time lies more than five minutes ahead.",
    BeatRejection.TOO_OLD: "The client's time lies more than seven days back.",
    BeatRejection.RETRY_LATER: "It cannot be taken at the moment: keep it and send it again.",
}


class Beat(NamedTuple):
    """Nothing of it is checked yet. Seconds, but `at`: milliseconds since 1970, by the client's clock."""

    video_id: int | None
    """None where the client named no video of ours."""
    viewing_key: str
    event: BeatEvent
    position: float
    watched_from: float
    watched_to: float
    sequence: int
    at: int


class Span(NamedTuple):
    """Of a beat, in milliseconds of the video."""

    position: int
    start: int
    stop: int


def fault(beat: Beat, now: int) -> BeatRejection | None:
    """What can be said of a beat alone; `now` in milliseconds."""
    if _KEY(beat.viewing_key) is None:
        return BeatRejection.INVALID_VIEWING_KEY
    if not 0 <= beat.sequence <= LARGEST_SEQUENCE:
        return BeatRejection.INVALID_SEQUENCE
    if not now - OLDEST <= beat.at <= now + AHEAD:
        return BeatRejection.TOO_OLD if beat.at < now else BeatRejection.CLOCK_AHEAD
    return None


def span(beat: Beat, duration: int) -> Span | BeatRejection:
    """Its numbers as milliseconds; what overruns the video a little ends with it. Comparisons with NaN are false."""
    longest = (duration + OVERRUN) / 1000
    position, start, stop = beat.position, beat.watched_from, beat.watched_to
    if not 0 <= position <= longest:
        return BeatRejection.INVALID_POSITION
    if not 0 <= start <= stop <= longest:
        return BeatRejection.INVALID_RANGE
    # Rounded, not cut: where one range ends and the next begins, both make the same of the same number.
    first, last = min(round(start * 1000), duration), min(round(stop * 1000), duration)
    return Span(min(round(position * 1000), duration), first, last)


def plain_beat(document: Any, video_id: int | None, at: int | None) -> Beat | None:
    """A beat of decoded JSON, whose id and time the caller has read; None for what has another shape."""
    if at is None or not isinstance(document, dict):
        return None
    key, event, sequence = document.get("viewingKey"), document.get("event"), document.get("clientSequence")
    numbers = (
        document.get("positionSeconds"),
        document.get("watchedFrom"),
        document.get("watchedTo"),
    )
    if type(sequence) is float and sequence.is_integer() and abs(sequence) <= LARGEST_SEQUENCE:
        # To JSON, and so to GraphQL, 1.0 is 1.
        sequence = int(sequence)
    if type(key) is not str or type(sequence) is not int or type(event) is not str or event not in _EVENTS:
        return None
    # bool is no number here, and an integer may be too large for a float.
    if any(type(number) is not float and type(number) is not int for number in numbers):
        return None
    return Beat(video_id, key, _EVENTS[event], *numbers, sequence, at)  # type: ignore[arg-type]


_EVENTS: Final = {event.value: event for event in BeatEvent}
