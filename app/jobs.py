"""Every background job that a transaction may ask for, and how it is run."""

from dataclasses import dataclass
from enum import StrEnum


class Queue(StrEnum):
    """A kind of work. Each has workers of its own, so that slow jobs never hold up quick ones."""

    QUICK = "quick"
    """Milliseconds to a second, somebody waits for it."""
    SLOW = "slow"
    """Seconds to minutes, nobody waits."""


class Job(StrEnum):
    """Names are stored with what waits: a job that is renamed is a new one."""

    PROBE = "probe"
    """Does nothing: `lectern jobs probe` asks for one, to see that the machinery works."""


@dataclass(frozen=True, slots=True)
class Handling:
    """Of a job. `limit` in seconds; after `tries` attempts it is set aside for an operator."""

    queue: Queue = Queue.QUICK
    limit: float = 30.0
    tries: int = 8


HANDLING: dict[Job, Handling] = {
    Job.PROBE: Handling(),
}
