"""Accounts, read."""

from collections.abc import Sequence

from asyncpg import Record
from sqlalchemy import BigInteger, Boolean, Text, any_, bindparam, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.database import Fetch, compiled
from app.identity.actor import Actor
from app.identity.models import Role, User

PUBLIC_COLUMNS = (
    User.id,
    User.name,
    User.email,
    User.role,
    User.created_at,
    User.email_verified_at,
    User.locale,
    User.time_zone,
)
"""What the rest of the program may know of a user; the password's hash stays in this domain."""

_USERS_BY_ID = compiled(
    select(*PUBLIC_COLUMNS).where(User.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
)
_PUBLIC_USERS_BY_ID = compiled(
    select(User.id, User.name, User.role).where(User.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
)
_VISIBLE_USERS_BY_ID = compiled(
    select(*PUBLIC_COLUMNS).where(
        User.id == any_(bindparam("ids", type_=ARRAY(BigInteger))),
        or_(
            User.role != Role.STUDENT,
            bindparam("sees_all", type_=Boolean),
            User.id == bindparam("viewer", type_=BigInteger),
        ),
    )
)
# The account that has proved the address comes first, then the last that claims it. The others can be reached by the
# link in their mail alone.
_ACCOUNTS_OF_ADDRESS = compiled(
    select(*PUBLIC_COLUMNS, User.password_hash)
    .where(User.email_key == bindparam("email_key", type_=Text), User.email_verified_at.is_not(None))
    .union_all(
        select(*PUBLIC_COLUMNS, User.password_hash)
        .where(User.email_key == bindparam("email_key", type_=Text), User.email_verified_at.is_(None))
        .order_by(User.id.desc())
        .limit(1)
    )
)
_OWNERS_OF_ADDRESSES = compiled(
    select(User.id, User.role, User.email_key).where(
        User.email_key == any_(bindparam("keys", type_=ARRAY(Text))), User.email_verified_at.is_not(None)
    )
)
_CREDENTIALS = compiled(
    select(*PUBLIC_COLUMNS, User.password_hash).where(User.id == bindparam("user_id", type_=BigInteger))
)


async def users_by_id(connection: Fetch, ids: list[int]) -> list[Record]:
    """Rows of PUBLIC_COLUMNS of those ids that exist, in no order."""
    return await connection.fetch(_USERS_BY_ID, ids=ids)


async def public_users_by_id(connection: Fetch, ids: list[int]) -> list[Record]:
    """Id, name and role alone: what may be shown to anybody, and be cached for everybody."""
    return await connection.fetch(_PUBLIC_USERS_BY_ID, ids=ids)


async def visible_users_by_id(connection: Fetch, ids: list[int], actor: Actor) -> list[Record]:
    """Those that the actor may look up by id: who teaches or runs the platform, and themselves; administrators all.

    Ids can be counted, and nobody shall read off the names of everybody who learns here.
    """
    return await connection.fetch(
        _VISIBLE_USERS_BY_ID, ids=ids, sees_all=actor.is_admin, viewer=actor.user_id or 0
    )


async def accounts_of_address(connection: Fetch, email_key: str) -> list[Record]:
    """The account that owns the address, if any, then the newest that claims it without proof, if any.

    Rows as of `credentials`; `email_key` is an address in the form of addresses.email_key.
    """
    return await connection.fetch(_ACCOUNTS_OF_ADDRESS, email_key=email_key)


async def user_by_email_key(connection: Fetch, email_key: str) -> Record | None:
    """The first of them: the owner, else the newest that claims the address."""
    rows = await accounts_of_address(connection, email_key)
    return rows[0] if rows else None


async def verified_user_by_email_key(connection: Fetch, email_key: str) -> Record | None:
    """The owner of the address alone."""
    rows = await accounts_of_address(connection, email_key)
    return rows[0] if rows and rows[0]["email_verified_at"] is not None else None


async def owners_of_addresses(connection: Fetch, keys: Sequence[str]) -> list[Record]:
    """(id, role, email_key) of the accounts that have proved one of the addresses."""
    return await connection.fetch(_OWNERS_OF_ADDRESSES, keys=keys)


async def credentials(connection: Fetch, user_id: int) -> Record | None:
    """The account's row with its password_hash, which stays in this domain."""
    rows = await connection.fetch(_CREDENTIALS, user_id=user_id)
    return rows[0] if rows else None
