"""Jobs of notifications."""

import asyncio
import logging
from datetime import UTC, datetime
from uuid import UUID

from app.errors import Unavailable
from app.jobs import Job
from app.notifications import reads
from app.notifications.service import digests, housekeeping, mailing
from app.notifications.service.notifying import ONE_SENDER
from app.outbox import Claim
from app.resources import Resources

INTERVAL = 10.0  # seconds between two looks at what waits

_log = logging.getLogger("lectern.worker")


async def send_mails(resources: Resources, claim: Claim) -> None:
    """One batch of what is due; asks for the next in the transaction that ends it."""
    await mailing.send_batch(
        mailing.Sending(
            resources.database, resources.mailer, resources.notification_letters, resources.metrics
        )
    )
    async with claim.finish() as tx:
        if (await reads.mails_waiting(tx, 1))["due"]:
            await resources.outbox.enqueue(tx, Job.SEND_NOTIFICATION_MAILS, {}, key=ONE_SENDER)


async def look_for_due_mails(resources: Resources) -> int:
    """Asks for those that are to be tried again, and those whose sender had just ended. Returns how many are due."""
    due = int((await reads.mails_waiting(resources.database))["due"])
    if due:
        async with resources.database.transaction() as tx:
            await resources.outbox.enqueue(tx, Job.SEND_NOTIFICATION_MAILS, {}, key=ONE_SENDER)
    return due


async def watch_mails(resources: Resources) -> None:
    """Measures until it is cancelled. Each worker does: the number of one that no longer looks would stand for ever."""
    while True:
        try:
            waiting = await reads.mails_waiting(resources.database)
            resources.metrics.notification_mails_due.set(waiting["due"])
            resources.metrics.notification_mails_oldest.set(waiting["oldest"])
        except Unavailable as error:
            _log.warning("mails about notifications are not counted: %s", error)
        await asyncio.sleep(INTERVAL)


async def send_digests(resources: Resources) -> int:
    """Makes the mails of the day and asks for their sending. Returns how many."""
    day, made = datetime.now(UTC).date(), 0
    after: int | None = 0
    while after is not None:
        async with resources.database.transaction() as tx:
            more, after = await digests.collect_digests(tx, day=day, after=after)
            if more:
                await resources.outbox.enqueue(tx, Job.SEND_NOTIFICATION_MAILS, {}, key=ONE_SENDER)
        made += more
    return made


async def forget_notifications(resources: Resources) -> int:
    """Deletes what is old, each step a transaction of its own. Returns how many notifications."""
    forgotten, mails = 0, -1
    after: UUID | None = housekeeping.BEGINNING
    while after is not None:
        async with resources.database.transaction() as tx:
            gone, after = await housekeeping.forget_notifications(tx, after=after)
        forgotten += gone
    while mails:
        async with resources.database.transaction() as tx:
            mails = await housekeeping.forget_mails(tx)
    return forgotten
