"""Whose address it is. Anybody may type any address when they register; it belongs to the account that proves it.

So that nobody learns whether an address has an account, registering always makes one. Until one of them proves the address,
any number may claim it; afterwards the others keep what they have, without the address.
"""

from asyncpg import Record
from sqlalchemy import BigInteger, bindparam, func, select, update
from sqlalchemy.orm import aliased

from app.database import Database, Transaction, compiled
from app.identity import reads
from app.identity.addresses import checked_email, email_key
from app.identity.errors import InvalidEmailToken
from app.identity.models import EmailTokenPurpose, User
from app.identity.service import account_mails
from app.identity.service.account_mails import AccountMail
from app.identity.throttling.throttle import Throttle
from app.identity.tokens import email_tokens
from app.outbox import Outbox

_PURPOSE = EmailTokenPurpose.VERIFY_EMAIL
_OTHER = aliased(User)
_LOCK_ADDRESS = compiled(
    select(func.pg_advisory_xact_lock(func.hashtextextended(User.email_key, 0))).where(
        User.id == bindparam("user_id", type_=BigInteger)
    )
)
_CLAIM = compiled(
    update(User)
    .where(
        User.id == bindparam("user_id", type_=BigInteger),
        ~select(_OTHER.id)
        .where(
            _OTHER.email_key == User.email_key, _OTHER.id != User.id, _OTHER.email_verified_at.is_not(None)
        )
        .exists(),
    )
    .values(email_verified_at=func.coalesce(User.email_verified_at, func.now()))
    .returning(*reads.PUBLIC_COLUMNS)
)


async def introduce(tx: Transaction, throttle: Throttle, outbox: Outbox, user: Record) -> None:
    """Mails a new account's address: the link that proves it, or, where it is somebody's, a word to its owner.

    Too many mails to one address are left out in silence.
    """
    if await throttle.allows(tx, throttle.mails("introduction", email_key(user["email"]))):
        await account_mails.ask_by_account(tx, outbox, AccountMail.INTRODUCTION, user_id=user["id"])


async def request(
    tx: Transaction,
    *,
    database: Database,
    throttle: Throttle,
    outbox: Outbox,
    email: str,
    client_address: str,
) -> str:
    """Sends the link that proves an address once more, if an account waits for it; answers alike if none does.

    Returns the address in normal form. Raises InvalidEmail, RateLimited for a client that asks again and again.
    """
    address = checked_email(email)
    key = email_key(address)
    await throttle.count_failure(database, throttle.address("mail", client_address))
    if await throttle.allows(tx, throttle.mails("verification", key)):
        await account_mails.ask_by_address(tx, outbox, AccountMail.VERIFY_EMAIL, email_key=key)
    return address


async def verify(
    tx: Transaction, *, database: Database, throttle: Throttle, token: str, client_address: str
) -> Record:
    """The account's row, its address proved. Raises InvalidEmailToken, RateLimited for a client that guesses."""
    user_id = await email_tokens.owner(database, throttle, token, _PURPOSE, client_address=client_address)
    await email_tokens.spend(tx, token, _PURPOSE)
    return await claim_address(tx, user_id)


async def claim_address(tx: Transaction, user_id: int) -> Record:
    """Makes the address the account's own. Returns the row. Raises InvalidEmailToken when another has proved it before."""
    # Of two that prove one address at once, the second sees what the first has done.
    await tx.fetch(_LOCK_ADDRESS, user_id=user_id)
    user = await tx.fetch_one(_CLAIM, user_id=user_id)
    if user is None:
        raise InvalidEmailToken
    return user
