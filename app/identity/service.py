"""Accounts: making them, proving who one is, changing roles.

Hashing a password takes tens of milliseconds. It happens before a transaction's first statement, or between
two short connections: a storm of logins must not hold the pool.
"""

import unicodedata

import email_validator
from asyncpg import Record
from sqlalchemy import bindparam, update
from sqlalchemy.dialects.postgresql import insert

from app.database import Database, Transaction, compiled
from app.errors import DomainError, Unavailable
from app.identity import passwords, reads
from app.identity.errors import EmailTaken, InvalidCredentials, InvalidEmail, InvalidName, UserNotFound
from app.identity.models import Role, User
from app.telemetry import Metrics
from app.validation import checked_text

MAX_NAME_LENGTH = 100

# The library's own switch: addresses in an intranet end in .local or .internal, and no list of names knows
# whether mail arrives there.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

# Line and paragraph separators, and characters that turn the direction of the text after them: a name must
# not rewrite the sentence it stands in.
_SEPARATORS = frozenset({"Zl", "Zp"})
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_INSERT_USER = compiled(
    insert(User).on_conflict_do_nothing(index_elements=[User.email_key]).returning(*reads.PUBLIC_COLUMNS),
    columns=("email", "email_key", "name", "role", "password_hash"),
)
_SET_ROLE = compiled(
    update(User)
    .where(User.email_key == bindparam("key"))
    .values(role=bindparam("new_role"))
    .returning(*reads.PUBLIC_COLUMNS)
)
_REPLACE_HASH = compiled(
    update(User)
    .where(User.id == bindparam("user_id"), User.password_hash == bindparam("old_hash"))
    .values(password_hash=bindparam("new_hash"))
)


async def register(tx: Transaction, *, email: str, password: str, name: str) -> Record:
    """Makes a student's account. Returns its row (id, name, email, role, created_at).

    Raises INVALID_INPUT at the field at fault, EmailTaken; Unavailable in a storm of logins.
    """
    return await create_user(tx, email=email, name=name, role=Role.STUDENT, password=password)


async def create_user(tx: Transaction, *, email: str, name: str, role: Role, password: str | None) -> Record:
    """Makes an account of any role. Without a password nobody can sign in. Otherwise like register."""
    address = checked_email(email)
    name = checked_name(name)
    password_hash = None
    if password is not None:
        password_hash = await passwords.hashed(passwords.checked(password, email=address))
    # The unique constraint decides a race: the loser waits for the winner's commit, then gets no row.
    user = await tx.fetch_one(
        _INSERT_USER,
        email=address,
        email_key=email_key(address),
        name=name,
        role=role,
        password_hash=password_hash,
    )
    if user is None:
        raise EmailTaken
    return user


async def login(database: Database, metrics: Metrics, *, email: str, password: str) -> Record:
    """The account's row (id, name, email, role, created_at, password_hash) if the password is right.

    Takes the database itself: no connection is held while the password is verified. An unknown account costs
    one verification too. Raises InvalidCredentials, InvalidEmail, InvalidPassword, Unavailable.
    """
    try:
        user = await _authenticated(database, email, password)
    except DomainError as error:
        metrics.logins.labels(str(error.code).lower()).inc()
        raise
    except Unavailable:
        metrics.logins.labels("unavailable").inc()
        raise
    metrics.logins.labels("success").inc()
    return user


async def set_role(tx: Transaction, *, email: str, role: Role) -> Record:
    """Gives an account another role; its tokens keep the old one until they expire. Raises UserNotFound."""
    address = checked_email(email)
    user = await tx.fetch_one(_SET_ROLE, key=email_key(address), new_role=role)
    if user is None:
        raise UserNotFound(address)
    return user


def checked_email(email: str) -> str:
    """The address without surrounding space, in normal form. Raises InvalidEmail. Asks no name server."""
    try:
        return email_validator.validate_email(email.strip(), check_deliverability=False).normalized
    except email_validator.EmailNotValidError as error:
        raise InvalidEmail(f"The e-mail address is not valid: {error}") from None


def email_key(address: str) -> str:
    """What makes two addresses the same account: the address without case and without compatibility forms."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address).casefold())


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


async def _authenticated(database: Database, email: str, password: str) -> Record:
    user = await reads.user_by_email_key(database, email_key(checked_email(email)))
    password_hash: str | None = user["password_hash"] if user else None
    if not await passwords.verified(password_hash, password) or user is None or password_hash is None:
        raise InvalidCredentials(user["id"] if user else None)
    if passwords.outdated(password_hash):
        new_hash = await passwords.hashed(password)
        # Only if the password is still the one just proved: it may have been changed meanwhile.
        await database.fetch(_REPLACE_HASH, user_id=user["id"], old_hash=password_hash, new_hash=new_hash)
    return user
