"""Tokens in mails: each proves once, and for a while, that somebody reads the mails to an account's address."""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import BigInteger, Interval, LargeBinary, Text, bindparam, delete, func, insert, select

from app.database import Database, Transaction, compiled
from app.identity.errors import InvalidEmailToken
from app.identity.models import EmailToken, EmailTokenPurpose
from app.identity.throttling.throttle import Throttle

LIFETIMES = {
    EmailTokenPurpose.VERIFY_EMAIL: timedelta(days=3),
    EmailTokenPurpose.RESET_PASSWORD: timedelta(hours=1),
}
_MAX_LENGTH = 100

_IS_THIS_ONE = (
    EmailToken.token_hash == bindparam("hash", type_=LargeBinary),
    EmailToken.purpose == bindparam("purpose", type_=Text),
    EmailToken.expires_at > func.now(),
)
_ISSUE = compiled(
    insert(EmailToken).values(
        token_hash=bindparam("hash"),
        user_id=bindparam("user_id"),
        purpose=bindparam("purpose"),
        expires_at=func.now() + bindparam("lifetime", type_=Interval),
    )
)
_OWNER = compiled(select(EmailToken.user_id).where(*_IS_THIS_ONE))
_SPEND = compiled(delete(EmailToken).where(*_IS_THIS_ONE).returning(EmailToken.user_id))
_REVOKE = compiled(
    delete(EmailToken).where(
        EmailToken.user_id == bindparam("user_id", type_=BigInteger),
        EmailToken.purpose == bindparam("purpose", type_=Text),
    )
)


async def issue(tx: Transaction, *, user_id: int, purpose: EmailTokenPurpose) -> str:
    """A new token, for the mail alone: what is stored does not give it back. Earlier ones stay good."""
    token = secrets.token_urlsafe(32)
    await tx.fetch(_ISSUE, hash=_hash(token), user_id=user_id, purpose=purpose, lifetime=LIFETIMES[purpose])
    return token


async def owner(
    database: Database, throttle: Throttle, token: str, purpose: EmailTokenPurpose, *, client_address: str
) -> int:
    """The account's id, without using the token up. Raises InvalidEmailToken; RateLimited for a client that guesses."""
    addresses = throttle.address("token", client_address)
    await throttle.check(database, addresses)
    rows = await database.fetch(_OWNER, hash=_hash(token), purpose=purpose)
    if not rows:
        await throttle.count_failure(database, addresses)
        raise InvalidEmailToken
    return int(rows[0]["user_id"])


async def spend(tx: Transaction, token: str, purpose: EmailTokenPurpose) -> int:
    """Uses the token up, and with it all of the account's for that purpose. Returns the account's id. Whoever calls it has
    locked the account: two tokens of one account are never spent at once.

    Raises InvalidEmailToken for one that is unknown, used or expired; of several at once, one succeeds.
    """
    rows = await tx.fetch(_SPEND, hash=_hash(token), purpose=purpose)
    if not rows:
        raise InvalidEmailToken
    await revoke(tx, user_id=rows[0]["user_id"], purpose=purpose)
    return int(rows[0]["user_id"])


async def revoke(tx: Transaction, *, user_id: int, purpose: EmailTokenPurpose) -> None:
    await tx.fetch(_REVOKE, user_id=user_id, purpose=purpose)


def _hash(token: str) -> bytes:
    if len(token) > _MAX_LENGTH:
        raise InvalidEmailToken
    # A surrogate half is no character of any token; it must not be a fault of ours.
    return hashlib.sha256(token.encode(errors="replace")).digest()
