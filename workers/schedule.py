"""The cron table: what runs by the clock. One line a job; the clock of `lectern worker` reads nothing else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.resources import Resources
from workers import identity, learning, notifications, operations, outbox, partitions, storage

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cron:
    """A coroutine that runs every `every`, counted in UTC from midnight, `at` later. Of all workers one runs it.

    A moment that passed while no worker ran is made up for, the latest one of each entry. It must do no harm when run
    twice: a worker may die at its last line. A run that fails is not repeated, the next one makes up for it. What it
    returns is recorded.
    """

    name: str
    run: Callable[[Resources], Awaitable[object]]
    every: timedelta
    at: timedelta = timedelta(0)
    limit: float = 300.0
    """Seconds after which it is cut off, and counts as failed; 300 at most."""

    def due_at(self, now: datetime) -> datetime:
        """The latest moment up to `now` at which it was to run."""
        return now - (now - _EPOCH - self.at) % self.every


_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def _minutes(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)


SCHEDULE: tuple[Cron, ...] = (
    Cron("forget-expired-sessions", identity.forget_expired_sessions, every=_HOUR / 2, at=_minutes(7)),
    Cron("forget-email-tokens", identity.forget_email_tokens, every=_HOUR, at=_minutes(17)),
    Cron("forget-failures", identity.forget_failures, every=_HOUR, at=_minutes(27)),
    Cron("forget-invitations", learning.forget_invitations, every=_HOUR, at=_minutes(37)),
    Cron("send-notification-mails", notifications.look_for_due_mails, every=_minutes(1)),
    Cron("send-digests", notifications.send_digests, every=_DAY, at=6 * _HOUR + _minutes(7)),
    Cron("forget-notifications", notifications.forget_notifications, every=_DAY, at=4 * _HOUR + _minutes(27)),
    Cron("tend-waitlists", learning.tend_waitlists, every=_minutes(1)),
    Cron("end-lost-operations", operations.end_lost, every=_minutes(2)),
    Cron("make-partitions", partitions.make_partitions, every=_DAY, at=3 * _HOUR + _minutes(47)),
    Cron("sweep-unfinished-files", storage.sweep_unfinished_files, every=_DAY, at=5 * _HOUR + _minutes(7)),
    Cron("sweep-uploads", storage.ask_for_sweeping, every=_DAY, at=5 * _HOUR + _minutes(17)),
    Cron("forget-job-records", outbox.forget_job_records, every=_DAY, at=4 * _HOUR + _minutes(7)),
    Cron("forget-operations", operations.forget_operations, every=_DAY, at=4 * _HOUR + _minutes(17)),
)
