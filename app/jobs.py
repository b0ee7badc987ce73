"""Every background job that a transaction may ask for and how it is run; every event, and which jobs hear of it."""

from dataclasses import dataclass
from enum import StrEnum


class Queue(StrEnum):
    """A kind of work. Each has workers of its own, so that slow jobs never hold up quick ones."""

    QUICK = "quick"
    """Milliseconds to a second, somebody waits for it."""
    SLOW = "slow"
    """Seconds to minutes, nobody waits."""
    HOUSEKEEPING = "housekeeping"
    """What comes by the clock."""


class Job(StrEnum):
    """Names are stored with what waits: a job that is renamed is a new one."""

    SCHEDULED = "scheduled"
    """One run of an entry of the cron table."""
    FORGET_CACHED = "forget_cached"
    """Says to Redis what has changed, until it has heard; while the row waits, no process believes Redis about it."""
    PROBE = "probe"
    """Does nothing: `lectern jobs probe` asks for one, to see that the machinery works."""


@dataclass(frozen=True, slots=True)
class Handling:
    """Of a job. `limit` in seconds; after `tries` attempts it is set aside for an operator."""

    queue: Queue = Queue.QUICK
    limit: float = 30.0
    tries: int = 8


HANDLING: dict[Job, Handling] = {
    Job.SCHEDULED: Handling(queue=Queue.HOUSEKEEPING, limit=330.0),
    Job.FORGET_CACHED: Handling(queue=Queue.HOUSEKEEPING, limit=10.0),
    Job.PROBE: Handling(),
}


class Event(StrEnum):
    """What has happened, told to whoever wants to know. Names are stored, like those of jobs."""

    PROBED = "probed"
    """Nothing has happened: tests and operators look whether it arrives."""


CONSUMERS: dict[Event, tuple[Job, ...]] = {
    Event.PROBED: (Job.PROBE,),
}
"""Each hears of an event once, whatever is repeated: its job's effect and the note that it heard are one transaction."""
