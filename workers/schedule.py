"""The cron table: what runs by the clock. One line a job; `lectern worker` reads nothing else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.resources import Resources
from workers import identity, partitions

Times = int | set[int] | None


@dataclass(frozen=True, slots=True)
class Cron:
    """A coroutine and its times in UTC; None is every. Of several workers one runs it.

    It must do no harm when run twice, and make up for a run that was missed: nobody repeats one that failed, or that came
    while no worker ran. What it returns is logged.
    """

    name: str
    run: Callable[[Resources], Awaitable[object]]
    day: Times = None
    hour: Times = None
    minute: Times = 0
    second: Times = 0
    limit: float = 300.0
    """Seconds after which it is cut off, and counts as failed."""


SCHEDULE: tuple[Cron, ...] = (
    Cron("forget-expired-sessions", identity.forget_expired_sessions, minute={7, 37}),
    Cron("forget-email-tokens", identity.forget_email_tokens, minute=17),
    Cron("forget-failures", identity.forget_failures, minute=27),
    Cron("make-partitions", partitions.make_partitions, hour=3, minute=47),
)
