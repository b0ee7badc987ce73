"""Signing in: proving who one is by address and password.

Hashing a password takes tens of milliseconds. It happens between two short connections: a storm of logins must not hold the
pool.
"""

from collections.abc import Sequence

from asyncpg import Record
from sqlalchemy import BigInteger, Text, bindparam, select, update

from app.database import Database, Transaction, compiled
from app.errors import DomainError, RateLimited, Unavailable
from app.identity import passwords, reads
from app.identity.addresses import checked_email, email_key
from app.identity.errors import InvalidCredentials
from app.identity.models import User
from app.identity.throttling.throttle import Key, Throttle
from app.telemetry import Metrics

_REPLACE_HASH = compiled(
    update(User)
    .where(User.id == bindparam("user_id"), User.password_hash == bindparam("old_hash"))
    .values(password_hash=bindparam("new_hash"))
    .returning(*reads.PUBLIC_COLUMNS, User.password_hash)
)
# Locked until the session is written: a change of the password waits, and then ends that session with the others.
_STILL_PROVED = compiled(
    select(User.id)
    .where(
        User.id == bindparam("user_id", type_=BigInteger),
        User.password_hash == bindparam("proved_hash", type_=Text),
    )
    .with_for_update(key_share=True)
)


async def login(
    database: Database,
    metrics: Metrics,
    throttle: Throttle,
    *,
    email: str,
    password: str,
    client_address: str = "",
) -> Record:
    """The account's row with its password_hash, if the password is right. `settle` follows in the transaction.

    Takes the database itself: no connection is held while the password is verified. An unknown account costs
    as much as a known one. Raises InvalidCredentials, InvalidEmail, InvalidPassword, RateLimited, Unavailable.
    """
    try:
        keys = throttle_keys(throttle, email, client_address)
        await throttle.check(database, keys)
        user = await _authenticated(database, throttle, keys, email_key(checked_email(email)), password)
    except DomainError as error:
        metrics.logins.labels(str(error.code).lower()).inc()
        raise
    except RateLimited:
        metrics.logins.labels("rate_limited").inc()
        raise
    except Unavailable:
        metrics.logins.labels("unavailable").inc()
        raise
    metrics.logins.labels("success").inc()
    return user


async def settle(tx: Transaction, throttle: Throttle, keys: Sequence[Key], user: Record) -> None:
    """Forgives the address's failures, if it is its owner who has signed in.

    Anybody can claim an address and sign in to what they made: that must not buy attempts at the owner's password.
    Raises RateLimited when one of the keys has begun to rest since the attempt began, InvalidCredentials when the password
    was changed since: its change has ended all sessions, and no old password shall begin one after it.
    """
    if user["email_verified_at"] is None:
        await throttle.check(tx, keys)
    else:
        await throttle.settle_success(tx, keys[0], keys[1:])
    if not await tx.fetch(_STILL_PROVED, user_id=user["id"], proved_hash=user["password_hash"]):
        raise InvalidCredentials(user["id"])


def throttle_keys(throttle: Throttle, email: str, client_address: str) -> list[Key]:
    """What attempts to sign in are counted for: the account first, then the client's address. Raises InvalidEmail."""
    return [
        throttle.account(email_key(checked_email(email))),
        *throttle.address("sign_in", client_address),
    ]


async def _authenticated(
    database: Database, throttle: Throttle, keys: Sequence[Key], key: str, password: str
) -> Record:
    accounts = await reads.accounts_of_address(database, key)
    for user in (_owner(accounts), _claimant(accounts)):
        # A failure costs two verifications and the claimant's success too, whether there is an owner or not: so time
        # does not tell. The owner's own success costs one.
        if await passwords.verified(user["password_hash"] if user else None, password) and user is not None:
            return await _renewed(database, user, password)
    await throttle.count_failure(database, keys)
    raise InvalidCredentials(accounts[0]["id"] if accounts else None)


def _owner(accounts: Sequence[Record]) -> Record | None:
    return next((account for account in accounts if account["email_verified_at"] is not None), None)


def _claimant(accounts: Sequence[Record]) -> Record | None:
    return next((account for account in accounts if account["email_verified_at"] is None), None)


async def _renewed(database: Database, user: Record, password: str) -> Record:
    """The row as it is once its hash has today's parameters."""
    if not passwords.outdated(user["password_hash"]):
        return user
    new_hash = await passwords.hashed(password)
    # Only if the password is still the one just proved: it may have been changed meanwhile.
    rows = await database.fetch(
        _REPLACE_HASH, user_id=user["id"], old_hash=user["password_hash"], new_hash=new_hash
    )
    if rows:
        return rows[0]
    # Or somebody else has renewed it, who signed in at the same moment.
    current = await reads.credentials(database, user["id"])
    if current is None or not await passwords.verified(current["password_hash"], password):
        raise InvalidCredentials(user["id"])
    return current
