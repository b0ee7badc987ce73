"""Jobs of learning."""

from app.learning import reads
from app.learning.service import housekeeping, waitlist
from app.mail import Outcome
from app.outbox import Claim
from app.resources import Resources


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
