"""When failures have been too many, and for how long nobody may try again: the rule alone, without a database."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=1)
FIRST_REST = timedelta(minutes=1)
LONGEST_REST = timedelta(minutes=15)
"""Rests double up to this: whoever knows an address can keep its owner out, but not for long after giving up."""
FORGIVEN_AFTER = timedelta(hours=1)
"""Without a failure for so long, the next rest is the first again."""


@dataclass(frozen=True, slots=True)
class Failures:
    """What is kept of a key. A rest begins with the failure that is one too many."""

    failures: int = 0
    window_began: datetime | None = None
    rests: int = 0
    rests_until: datetime | None = None
    last_failure: datetime | None = None

    def resting(self, now: datetime) -> bool:
        return self.rests_until is not None and self.rests_until > now

    def after_failure(self, now: datetime, attempts: int) -> "Failures":
        """One failure more. The one that reaches `attempts` within the window begins a rest. Not while resting."""
        window_began, failures = self.window_began, self.failures + 1
        if window_began is None or now - window_began >= WINDOW:
            window_began, failures = now, 1
        rests = 0 if self.last_failure is None or now - self.last_failure >= FORGIVEN_AFTER else self.rests
        counted = replace(
            self,
            failures=failures,
            window_began=window_began,
            rests=rests,
            last_failure=now,
            rests_until=None,
        )
        if failures < attempts:
            return counted
        # Beyond a few doublings the longest rest is reached: no power of two that no clock can hold.
        rest = min(FIRST_REST * 2 ** min(rests, 10), LONGEST_REST)
        return replace(counted, failures=0, window_began=None, rests=rests + 1, rests_until=now + rest)
