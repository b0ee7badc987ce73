"""Jobs of identity."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from app.database import Transaction
from app.identity.service import account_mails, housekeeping
from app.mail import Outcome
from app.outbox import Claim
from app.resources import Resources


class _NotTaken(Exception):
    """The mail server asks to come again."""


async def send_account_mail(resources: Resources, claim: Claim) -> None:
    """Writes the mail and sends it. Sent twice, it has the same Message-ID, and one of its tokens is never used."""
    async with resources.database.transaction() as tx:
        message = await account_mails.written(tx, resources.letters, claim.payload, message_id=str(claim.id))
    if message is not None and await resources.mailer.send([message]) == [Outcome.LATER]:
        raise _NotTaken


async def forget_expired_sessions(resources: Resources) -> int:
    """Deletes sessions that ended long ago, each step a transaction of its own. Returns how many."""
    forgotten = 0
    after: UUID | None = housekeeping.BEGINNING
    while after is not None:
        async with resources.database.transaction() as tx:
            gone, after = await housekeeping.forget_sessions(tx, after=after)
        forgotten += gone
    return forgotten


async def forget_email_tokens(resources: Resources) -> int:
    """Deletes tokens of mails that have expired. Returns how many."""
    return await _until_none_is_left(resources, housekeeping.forget_email_tokens)


async def forget_failures(resources: Resources) -> int:
    """Deletes counts of failed attempts that nobody asks for any more. Returns how many."""
    return await _until_none_is_left(resources, housekeeping.forget_failures)


async def _until_none_is_left(resources: Resources, step: Callable[[Transaction], Awaitable[int]]) -> int:
    total, forgotten = 0, -1
    while forgotten:
        async with resources.database.transaction() as tx:
            forgotten = await step(tx)
        total += forgotten
    return total
