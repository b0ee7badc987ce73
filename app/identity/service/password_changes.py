"""A new password, by whoever knows the old one, or reads the mails to the account's address.

As in sign_in.py, passwords are hashed before the transaction's first statement: `database` serves the short reads before.
"""

from asyncpg import Record
from sqlalchemy import BigInteger, bindparam, update

from app.database import Database, Transaction, compiled
from app.errors import DomainError, ErrorCode
from app.identity import passwords, reads
from app.identity.actor import Actor
from app.identity.addresses import checked_email, email_key
from app.identity.errors import InvalidCredentials, InvalidEmailToken, InvalidPassword
from app.identity.models import EmailTokenPurpose, User
from app.identity.service import account_mails
from app.identity.service.account_mails import AccountMail
from app.identity.service.email_verification import claim_address
from app.identity.service.sessions import end_other_sessions
from app.identity.throttling.throttle import Throttle
from app.identity.tokens import email_tokens
from app.identity.tokens.ended_sessions import EndedSessions
from app.outbox import Outbox

_PURPOSE = EmailTokenPurpose.RESET_PASSWORD
_SET_PASSWORD = compiled(
    update(User)
    .where(
        User.id == bindparam("user_id", type_=BigInteger),
        # Unchanged since it was proved: of two changes at once, one succeeds.
        User.password_hash.is_not_distinct_from(bindparam("old_hash", type_=User.password_hash.type)),
    )
    .values(password_hash=bindparam("new_hash"))
    .returning(*reads.PUBLIC_COLUMNS)
)


async def change_password(
    tx: Transaction,
    actor: Actor,
    *,
    database: Database,
    throttle: Throttle,
    ended: EndedSessions,
    outbox: Outbox,
    current_password: str,
    new_password: str,
    client_address: str,
) -> Record:
    """Returns the account's row. All other sessions of the account end; the one that asks goes on.

    Raises InvalidCredentials, INVALID_INPUT, CONFLICT when it was changed meanwhile; RateLimited, Unavailable.
    """
    assert actor.user_id is not None
    keys = [throttle.password(actor.user_id), *throttle.address("password", client_address)]
    await throttle.check(database, keys)
    user = await reads.credentials(database, actor.user_id)
    if not await _proved(user, current_password) or user is None:
        await throttle.count_failure(database, keys)
        raise InvalidCredentials(actor.user_id, "currentPassword")
    new_hash = await _hashed(new_password, email=user["email"])
    await throttle.settle_success(tx, keys[0], keys[1:])
    changed = await _set_password(tx, user, new_hash)
    await end_other_sessions(tx, ended, actor)
    await account_mails.ask_by_account(tx, outbox, AccountMail.PASSWORD_CHANGED, user_id=user["id"])
    return changed


async def request_reset(
    tx: Transaction,
    *,
    database: Database,
    throttle: Throttle,
    outbox: Outbox,
    email: str,
    client_address: str,
) -> tuple[str, int | None]:
    """Sends the link that sets a new password, if there is an account; answers alike if there is none.

    Returns the address in normal form and, for the audit log alone, the account's id. Raises InvalidEmail, RateLimited for
    a client that asks again and again.
    """
    address = checked_email(email)
    key = email_key(address)
    await throttle.count_failure(database, throttle.address("mail", client_address))
    if await throttle.allows(tx, throttle.mails("reset", key)):
        await account_mails.ask_by_address(tx, outbox, AccountMail.RESET_PASSWORD, email_key=key)
    return address, await account_mails.recipient(tx, key)


async def reset_password(
    tx: Transaction,
    *,
    database: Database,
    throttle: Throttle,
    ended: EndedSessions,
    outbox: Outbox,
    token: str,
    new_password: str,
    client_address: str,
) -> Record:
    """Returns the account's row. All of its sessions end. Who reads its mails has proved that the address is theirs.

    Raises InvalidEmailToken; INVALID_INPUT, and the token stays good; RateLimited, Unavailable.
    """
    user_id = await email_tokens.owner(database, throttle, token, _PURPOSE, client_address=client_address)
    user = await reads.credentials(database, user_id)
    if user is None:
        raise InvalidEmailToken
    new_hash = await _hashed(new_password, email=user["email"])
    # Whoever was kept out by somebody's guesses is in again. Before the account is locked, as where one signs in; and the
    # account before its tokens, as where the password is changed. A token that is good no more takes all of it back.
    await throttle.forgive(tx, throttle.account(email_key(user["email"])))
    await claim_address(tx, user_id)
    await email_tokens.spend(tx, token, _PURPOSE)
    changed = await _set_password(tx, user, new_hash)
    await end_other_sessions(tx, ended, Actor(user_id))
    await account_mails.ask_by_account(tx, outbox, AccountMail.PASSWORD_CHANGED, user_id=user["id"])
    return changed


async def _proved(user: Record | None, current_password: str) -> bool:
    try:
        return await passwords.verified(user["password_hash"] if user else None, current_password)
    except InvalidPassword as error:
        raise DomainError(error.message, path=("input", "currentPassword")) from None


async def _hashed(new_password: str, *, email: str) -> str:
    try:
        return await passwords.hashed(passwords.checked(new_password, email=email))
    except InvalidPassword as error:
        raise DomainError(error.message, path=("input", "newPassword")) from None


async def _set_password(tx: Transaction, user: Record, new_hash: str) -> Record:
    rows = await tx.fetch(
        _SET_PASSWORD, user_id=user["id"], old_hash=user["password_hash"], new_hash=new_hash
    )
    if not rows:
        raise DomainError(
            "The password was changed by somebody else just now.", code=ErrorCode.CONFLICT, path=("input",)
        )
    # Links that were asked for before are of no use to anybody any more.
    await email_tokens.revoke(tx, user_id=user["id"], purpose=_PURPOSE)
    return rows[0]
