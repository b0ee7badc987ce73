"""Mails about an account: asked for in the transaction of their cause, written by the job that sends them.

What the mail says is decided when it is sent: its token lives in the mail alone, and a request is answered alike, by the
same statements, whether or not there is an account to write to.
"""

from enum import StrEnum
from typing import Any

from asyncpg import Record

from app.database import Transaction
from app.identity import reads
from app.identity.addresses import email_key as key_of
from app.identity.letters import AccountLetters
from app.identity.models import EmailTokenPurpose
from app.identity.tokens import email_tokens
from app.jobs import Job
from app.mail import Message
from app.outbox import Outbox


class AccountMail(StrEnum):
    """Names are stored with the jobs that wait."""

    INTRODUCTION = "introduction"
    """To a new account's address: the link that proves it, or, where it is somebody's, a word to its owner."""
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - names of mails
    PASSWORD_CHANGED = "password_changed"  # noqa: S105


async def ask_by_account(tx: Transaction, outbox: Outbox, mail: AccountMail, *, user_id: int) -> None:
    """Asks for an INTRODUCTION or a PASSWORD_CHANGED."""
    await outbox.enqueue(tx, Job.SEND_ACCOUNT_MAIL, {"mail": mail, "user_id": user_id})


async def ask_by_address(
    tx: Transaction, outbox: Outbox, mail: AccountMail, *, email_key: str, rather: int | None = None
) -> None:
    """Asks for a VERIFY_EMAIL or a RESET_PASSWORD; whether it is to be sent is seen when it is written.

    `rather`: the account that is meant, if it has that address.
    """
    await outbox.enqueue(tx, Job.SEND_ACCOUNT_MAIL, {"mail": mail, "email_key": email_key, "rather": rather})


async def written(
    tx: Transaction, letters: AccountLetters, payload: dict[str, Any], *, message_id: str
) -> Message | None:
    """The mail that was asked for, its token good once `tx` has committed; None when there is nobody to write to."""
    mail = AccountMail(payload["mail"])
    if "user_id" in payload:
        user = next(iter(await reads.users_by_id(tx, [payload["user_id"]])), None)
    else:
        user = await _meant(tx, payload["email_key"], payload.get("rather"))
    if user is None:
        return None
    if mail is AccountMail.RESET_PASSWORD:
        token = await email_tokens.issue(tx, user_id=user["id"], purpose=EmailTokenPurpose.RESET_PASSWORD)
        return letters.reset_password(to=user["email"], token=token, message_id=message_id)
    # What was changed is told to owners, not to whoever had their address typed by somebody else; of what is to be proved
    # it is the other way round.
    if (mail is AccountMail.PASSWORD_CHANGED) is (user["email_verified_at"] is None):
        return None
    if mail is AccountMail.PASSWORD_CHANGED:
        return letters.password_changed(to=user["email"], message_id=message_id)
    if mail is AccountMail.INTRODUCTION:
        owner = await reads.verified_user_by_email_key(tx, key_of(user["email"]))
        if owner is not None:
            return letters.address_in_use(to=owner["email"], message_id=message_id)
    token = await email_tokens.issue(tx, user_id=user["id"], purpose=EmailTokenPurpose.VERIFY_EMAIL)
    return letters.verify_email(to=user["email"], token=token, message_id=message_id)


async def recipient(tx: Transaction, email_key: str, rather: int | None = None) -> int | None:
    """Id of the account that a mail asked for by address goes to, if any: for the audit log, never for who asks."""
    user = await _meant(tx, email_key, rather)
    return None if user is None else int(user["id"])


async def _meant(tx: Transaction, email_key: str, rather: int | None) -> Record | None:
    if rather is not None:
        for user in await reads.users_by_id(tx, [rather]):
            if key_of(user["email"]) == email_key:
                return user
    return await reads.user_by_email_key(tx, email_key)
