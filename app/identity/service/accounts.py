"""Accounts: making them, changing roles.

Hashing a password takes tens of milliseconds. It happens before a transaction's first statement: a storm of registrations
must not hold the pool.
"""

import unicodedata
from typing import Any

from asyncpg import Record
from sqlalchemy import Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.database import Transaction, compiled
from app.identity import passwords, reads
from app.identity.addresses import checked_email, email_key
from app.identity.cards import user_changed
from app.identity.errors import (
    AddressUnproved,
    EmailTaken,
    InvalidName,
    SeveralAccounts,
    UserNotFound,
)
from app.identity.models import Role, User
from app.validation import checked_text

MAX_NAME_LENGTH = 100

# Line and paragraph separators, and characters that turn the direction of the text after them: a name must
# not rewrite the sentence it stands in.
_SEPARATORS = frozenset({"Zl", "Zp"})
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_GIVEN: dict[str, Any] = {
    name: bindparam(name) for name in ("email", "email_key", "name", "role", "password_hash")
}
_INSERT_CLAIMING = compiled(insert(User).values(_GIVEN).returning(*reads.PUBLIC_COLUMNS))
_INSERT_VERIFIED = compiled(
    insert(User)
    .values(_GIVEN | {"email_verified_at": func.now()})
    .on_conflict_do_nothing(index_elements=[User.email_key], index_where=User.email_verified_at.is_not(None))
    .returning(*reads.PUBLIC_COLUMNS)
)
_CLAIMING = compiled(
    select(User.id)
    .where(User.email_key == bindparam("key", type_=Text), User.email_verified_at.is_(None))
    .limit(2)
)
_SET_ROLE = compiled(
    update(User)
    .where(User.id == bindparam("user_id"))
    .values(role=bindparam("new_role"))
    .returning(*reads.PUBLIC_COLUMNS)
)


async def register(tx: Transaction, *, email: str, password: str, name: str) -> Record:
    """Makes a student's account that claims the address, whoever has it. Returns its row, of reads.PUBLIC_COLUMNS.

    Raises INVALID_INPUT at the field at fault; Unavailable in a storm of logins. Takes as long, and says the same, for an
    address that is somebody's: see email_verification.py for what becomes of the claim.
    """
    return (await tx.fetch(_INSERT_CLAIMING, **await _given(email, name, Role.STUDENT, password)))[0]


async def create_user(tx: Transaction, *, email: str, name: str, role: Role, password: str | None) -> Record:
    """Makes an account of any role for an operator, who vouches for the address. Without a password nobody can sign in.

    Raises INVALID_INPUT at the field at fault, EmailTaken.
    """
    given = await _given(email, name, role, password)
    # The unique index decides a race: the loser waits for the winner's commit, then gets no row.
    user = await tx.fetch_one(_INSERT_VERIFIED, **given)
    if user is None:
        raise EmailTaken
    return user


async def set_role(tx: Transaction, *, email: str, role: Role) -> Record:
    """Gives an account another role; its tokens keep the old one until they expire.

    Raises UserNotFound, SeveralAccounts when nobody knows which is meant, AddressUnproved for more rights for whoever
    typed the address first.
    """
    address = checked_email(email)
    key = email_key(address)
    user = await reads.user_by_email_key(tx, key)
    if user is None:
        raise UserNotFound(address)
    if user["email_verified_at"] is None:
        if len(await tx.fetch(_CLAIMING, key=key)) > 1:
            raise SeveralAccounts(address)
        if role is not Role.STUDENT:
            raise AddressUnproved(address)
    changed = (await tx.fetch(_SET_ROLE, user_id=user["id"], new_role=role))[0]
    await user_changed(tx, user["id"])
    return changed


def checked_name(name: str) -> str:
    """The name without surrounding space, in normal form, 1 to 100 characters. Raises INVALID_INPUT."""
    name = checked_text(
        unicodedata.normalize("NFC", name), "input", "name", minimum=1, maximum=MAX_NAME_LENGTH
    )
    categories = {unicodedata.category(character) for character in name}
    if not categories.isdisjoint(_SEPARATORS) or not _TURNING.isdisjoint(name):
        raise InvalidName("Control characters are not allowed.")
    if not any(category[0] in "LNPS" for category in categories):
        raise InvalidName("This may not be empty.")
    return name


async def _given(email: str, name: str, role: Role, password: str | None) -> dict[str, Any]:
    """An account's columns, checked. Raises INVALID_INPUT at the field at fault."""
    address = checked_email(email)
    name = checked_name(name)
    password_hash = None
    if password is not None:
        password_hash = await passwords.hashed(passwords.checked(password, email=address))
    return {
        "email": address,
        "email_key": email_key(address),
        "name": name,
        "role": role,
        "password_hash": password_hash,
    }
