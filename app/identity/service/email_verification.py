"""Whose address it is. Anybody may type any address when they register; it belongs to the account that proves it.

So that nobody learns whether an address has an account, registering always makes one. Until one of them proves the address,
any number may claim it; afterwards the others keep what they have, without the address.
"""

from asyncpg import Record
from sqlalchemy import BigInteger, Text, bindparam, func, select, update
from sqlalchemy.orm import aliased

from app.database import Database, Transaction, compiled
from app.identity import passwords, reads
from app.identity.actor import Actor
from app.identity.addresses import checked_email, email_key
from app.identity.errors import InvalidCredentials, InvalidEmailToken, PasswordRequired
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
_CLAIMANTS = compiled(
    select(User.id)
    .where(User.email_key == bindparam("key", type_=Text), User.email_verified_at.is_(None))
    .limit(2)
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
    actor: Actor,
    *,
    database: Database,
    throttle: Throttle,
    outbox: Outbox,
    email: str,
    client_address: str,
) -> tuple[str, int | None]:
    """Sends the link that proves an address once more, if an account waits for it; answers alike if none does.

    Of several that claim it that of the actor, else the newest.

    Returns the address in normal form and, for the audit log alone, the account's id. Raises InvalidEmail, RateLimited for
    a client that asks again and again.
    """
    address = checked_email(email)
    key = email_key(address)
    await throttle.count_failure(database, throttle.address("mail", client_address))
    if await throttle.allows(tx, throttle.mails("verification", key)):
        await account_mails.ask_by_address(
            tx, outbox, AccountMail.VERIFY_EMAIL, email_key=key, rather=actor.user_id
        )
    return address, await account_mails.recipient(tx, key, actor.user_id)


async def verify(
    tx: Transaction,
    actor: Actor,
    *,
    database: Database,
    throttle: Throttle,
    token: str,
    password: str | None,
    client_address: str,
) -> Record:
    """The account's row, its address proved.

    Where several accounts claim the address, whoever reads its mails must also know the password, or be signed in: they
    shall not prove what somebody else made in their name. Raises InvalidEmailToken, PasswordRequired, InvalidCredentials;
    RateLimited for a client that guesses.
    """
    user_id = await email_tokens.owner(database, throttle, token, _PURPOSE, client_address=client_address)
    if actor.user_id != user_id:
        await _prove_claim(database, throttle, user_id, password, client_address)
    # The account before its tokens, as where its password is changed.
    claimed = await claim_address(tx, user_id)
    await email_tokens.spend(tx, token, _PURPOSE)
    return claimed


async def _prove_claim(
    database: Database, throttle: Throttle, user_id: int, password: str | None, client_address: str
) -> None:
    user = await reads.credentials(database, user_id)
    if user is None:
        raise InvalidEmailToken
    if len(await database.fetch(_CLAIMANTS, key=email_key(user["email"]))) < 2 and password is None:
        return
    if password is None:
        raise PasswordRequired
    keys = [throttle.password(user_id), *throttle.address("password", client_address)]
    await throttle.check(database, keys)
    if not await passwords.verified(user["password_hash"], password):
        await throttle.count_failure(database, keys)
        raise InvalidCredentials(user_id, "password")


async def claim_address(tx: Transaction, user_id: int) -> Record:
    """Makes the address the account's own. Returns the row. Raises InvalidEmailToken when another has proved it before."""
    # Of two that prove one address at once, the second sees what the first has done.
    await tx.fetch(_LOCK_ADDRESS, user_id=user_id)
    user = await tx.fetch_one(_CLAIM, user_id=user_id)
    if user is None:
        raise InvalidEmailToken
    return user
