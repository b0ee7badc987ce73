"""Jobs of learning, and viewers' progress on its way from the buffer to PostgreSQL."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter

from app.catalog.reads import courses_by_id
from app.database import Transaction
from app.errors import Unavailable
from app.identity.actor import Actor
from app.identity.models import Role
from app.learning import reads
from app.learning.progress_buffer import TAKE, Taken
from app.learning.service import housekeeping, waitlist
from app.learning.service.flushing import Flushed, flush_progress
from app.mail import Outcome
from app.notifications.kinds import NotificationKind
from app.notifications.service import notify
from app.outbox import Claim
from app.resources import Resources

LANES = 2
"""Batches on their way at once: while PostgreSQL writes one, another is read from Redis. More gained nothing."""
CONTENDED = 10.0
"""Seconds until what somebody else keeps locked is tried again."""
REFUSED = 3600.0
"""Seconds until what PostgreSQL refuses is tried again, perhaps by another release."""
GIVEN_UP = 7 * 24 * 3600.0
"""Seconds after which that is dropped, with its content in the log: as long as a device may be offline."""

_EVERYTHING = Actor(role=Role.ADMIN)
_log = logging.getLogger("lectern.progress")


class _NotTaken(Exception):
    """The mail server asks to come again."""


async def send_invitation(resources: Resources, claim: Claim) -> None:
    """Writes the mail and sends it, if the address is still invited. Sent twice, it has the same Message-ID."""
    found = await reads.invitation_for_mail(resources.database, **claim.payload)
    if found is None:
        return
    message = resources.learning_letters.invitation(found, message_id=str(claim.id))
    (outcome,) = await resources.mailer.send([message])
    if outcome is Outcome.LATER:
        raise _NotTaken
    if outcome is Outcome.SENT:
        resources.metrics.invitations.labels("mailed").inc()


async def tell_course_completed(resources: Resources, claim: Claim) -> None:
    """The handler of Job.TELL_COURSE_COMPLETED."""
    user_id, course_id = claim.payload["user_id"], claim.payload["course_id"]
    (course,) = await courses_by_id(resources.database, [course_id], _EVERYTHING) or (None,)
    async with claim.finish() as tx:
        if course is not None:
            await notify(
                tx,
                resources.notifier,
                kind=NotificationKind.COURSE_COMPLETED,
                recipients=[user_id],
                key=f"course_completed:{claim.payload['event_id']}",
                payload={"course_id": course_id, "course_title": course["title"]},
            )


async def forget_invitations(resources: Resources) -> int:
    """Deletes invitations that have expired, and notes of mails, each step a transaction of its own. Returns how many
    invitations.
    """
    total, forgotten, notes = 0, -1, -1
    while forgotten:
        async with resources.database.transaction() as tx:
            forgotten = await housekeeping.forget_invitations(tx)
        resources.metrics.invitations.labels("expired").inc(forgotten)
        total += forgotten
    while notes:
        async with resources.database.transaction() as tx:
            notes = await housekeeping.forget_invitation_records(tx)
    return total


async def tend_waitlists(resources: Resources) -> int:
    """Ends waiting where it has no sense any more, and gives away seats that stand free; each step a transaction of its own.
    Returns how many wait no longer.
    """
    total = 0
    for row in await reads.waitlists_to_tend(resources.database):
        done = -1
        while done:
            async with resources.database.transaction() as tx:
                done = await waitlist.tend(tx, resources.notifier, row["course_id"], closed=row["closed"])
            total += max(done, 0)
    return total


async def flush_for_ever(resources: Resources) -> None:
    """Until it is cancelled; outages are waited out. Any number of workers may do this at once."""
    flusher = Flusher(resources)
    away = False
    while True:
        try:
            await flusher.flush()
            await flusher.measure()
            away = False
        except Unavailable as error:
            if not away:
                _log.warning("viewers' progress waits in the buffer: %s", error)
            away = True
            with suppress(Unavailable):
                await flusher.measure()
        except Exception:  # noqa: BLE001 - the loop must go on
            # Whatever it is: what was taken comes back when its lease ends.
            _log.exception("a flush of viewers' progress broke off")
        await asyncio.sleep(resources.settings.progress.flush_interval)


class Flusher:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._buffer = resources.progress_buffer
        self._settings = resources.settings.progress

    async def flush(self) -> None:
        """Writes all that waits, a batch a transaction, two at a time. Raises Unavailable; nothing is lost then."""
        # Each ends by itself: what it has taken it settles or releases.
        ended = await asyncio.gather(*(self._flush() for _ in range(LANES)), return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException):
                raise error

    async def _flush(self) -> None:
        size = self._settings.flush_size
        while True:
            moment, taken = await self._buffer.take(size, lease=self._settings.flush_lease)
            if taken:
                await self._write(taken, moment)
            if len(taken) < size and sum(each.size for each in taken) < TAKE:
                return

    async def measure(self) -> None:
        waiting, metrics = await self._buffer.measure(), self._resources.metrics
        metrics.progress_buffer_keys.set(waiting.keys)
        metrics.progress_buffer_oldest.set(waiting.oldest)
        metrics.progress_buffer_bytes.set(waiting.bytes)

    async def _write(self, taken: Sequence[Taken], moment: int) -> None:
        """One transaction; a batch that fails is split until the keys are found that cannot be written."""
        began = perf_counter()
        try:
            async with self._resources.database.transaction() as tx:
                flushed = await self.record(tx, taken)
        except Exception as error:
            if isinstance(error, Unavailable) and not await self._answers():
                await self._buffer.release(taken)
                raise
            if len(taken) == 1:
                await self._set_aside(taken[0], moment, error)
                return
            half = len(taken) // 2
            await self._write(taken[:half], moment)
            await self._write(taken[half:], moment)
            return
        self._count(flushed, perf_counter() - began)
        # Should this fail, they are written once more when their lease ends, which changes nothing.
        await self._buffer.settle(taken, moment)

    async def record(self, tx: Transaction, taken: Sequence[Taken]) -> Flushed:
        return await flush_progress(tx, self._resources.outbox, taken)

    async def _answers(self) -> bool:
        try:
            await self._resources.database.ping()
        except Unavailable:
            return False
        return True

    async def _set_aside(self, taken: Taken, moment: int, error: Exception) -> None:
        outcomes = self._resources.metrics.progress_unwritten
        if isinstance(error, Unavailable):
            outcomes.labels("contended").inc()
            await self._buffer.release([taken], after=CONTENDED)
            return
        context = {"user": taken.pair[0], "video": taken.pair[1]}
        if moment - taken.since < GIVEN_UP * 1000:
            outcomes.labels("refused").inc()
            _log.error("a viewer's progress cannot be written", exc_info=error, extra={"context": context})
            await self._buffer.release([taken], after=REFUSED, aside=True)
        else:
            outcomes.labels("given_up").inc()
            content = {**context, "state": repr(taken.state)}
            _log.error("a viewer's progress is given up", exc_info=error, extra={"context": content})
            await self._buffer.settle([taken], moment)

    def _count(self, flushed: Flushed, seconds: float) -> None:
        metrics = self._resources.metrics
        metrics.progress_flush_seconds.observe(seconds)
        for kind, number in (
            ("videos", flushed.videos),
            ("viewings", flushed.viewings),
            ("lessons", flushed.lessons),
        ):
            metrics.progress_flushed.labels(kind).inc(number)
        if flushed.gone:
            metrics.progress_unwritten.labels("gone").inc(flushed.gone)
