"""When a lesson is completed, and how to say why it is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from asyncpg import Record

from app.catalog.models import LessonKind

GRACE = 1
"""Milliseconds that a video may lack: shares are floats."""
STRETCHES = 20
"""So many missing stretches of a video are named, the earliest first."""

Stretch = tuple[int, int]
"""From and to, in milliseconds of the video."""


class CompletionRule(StrEnum):
    WATCHED = "watched"
    MARKED = "marked"
    OPENED = "opened"
    PASSED = "passed"


RULES: Mapping[LessonKind, CompletionRule] = MappingProxyType(
    {
        LessonKind.VIDEO: CompletionRule.WATCHED,
        LessonKind.PAGE: CompletionRule.MARKED,
        LessonKind.LINK: CompletionRule.OPENED,
        LessonKind.QUIZ: CompletionRule.PASSED,
    }
)


def enough_watched(watched_ms: int, duration_ms: int, required_share: float) -> bool:
    return watched_ms + GRACE >= required_share * duration_ms


@dataclass(frozen=True, slots=True)
class Completion:
    """Where somebody is with a lesson: what its rule wants, what was seen of that, and what is missing."""

    rule: CompletionRule
    required: float
    """A share, 0 to 1: of a video its distinct time, else all or nothing."""
    observed: float
    satisfied: bool
    """By what is known now; what was completed once stays completed although its rule should want more since."""
    completed_at: datetime | None
    missing: Sequence[Stretch] = field(default=())
    duration_ms: int | None = None

    @property
    def explanation(self) -> str:
        """One sentence for people."""
        if self.completed_at is not None:
            return "Completed."
        if self.rule is CompletionRule.WATCHED:
            seen, wanted = f"{self.observed:.1%}", f"{self.required:.1%}"
            if self.satisfied:
                return f"{seen} was watched, {wanted} is needed: it will be completed in a moment."
            return f"{seen} was watched, {wanted} is needed."
        if self.rule is CompletionRule.MARKED:
            return "It is completed when its learner says that they are done with it."
        if self.rule is CompletionRule.OPENED:
            return "It is completed when it is opened."
        return "It is completed when its quiz is passed."


def completion_of(standing: Record, watched: Sequence[int] | None) -> Completion:
    """Of a row of `reads.lesson_standings`; `watched` are the edges of what was watched of its video, in order."""
    rule = RULES[LessonKind(standing["kind"])]
    completed_at = standing["completed_at"]
    if rule is not CompletionRule.WATCHED or standing["duration_ms"] is None:
        seen = standing["opened_at"] if rule is CompletionRule.OPENED else standing["marked_at"]
        done = completed_at is not None or (seen is not None and rule is not CompletionRule.PASSED)
        return Completion(rule, 1.0, float(done), done, completed_at)
    duration, required = standing["duration_ms"], standing["required_share"]
    within = _within(watched or (), duration)
    seen_ms = sum(upper - lower for lower, upper in within)
    return Completion(
        rule,
        required,
        seen_ms / duration,
        enough_watched(seen_ms, duration, required),
        completed_at,
        _gaps(within, duration)[:STRETCHES],
        duration,
    )


def _within(edges: Sequence[int], duration: int) -> list[Stretch]:
    # The video may have been replaced by a shorter one.
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(lower, min(upper, duration)) for lower, upper in pairs if lower < duration]


def _gaps(watched: Sequence[Stretch], duration: int) -> list[Stretch]:
    begins = [0, *(upper for _, upper in watched)]
    ends = [*(lower for lower, _ in watched), duration]
    return [(begin, end) for begin, end in zip(begins, ends, strict=True) if begin < end]
