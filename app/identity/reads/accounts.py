"""Accounts, read."""

from asyncpg import Record
from sqlalchemy import BigInteger, Boolean, any_, bindparam, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.database import Fetch, compiled
from app.identity.actor import Actor
from app.identity.models import Role, User

PUBLIC_COLUMNS = (User.id, User.name, User.email, User.role, User.created_at)
"""What the rest of the program may know of a user; the password's hash stays in this domain."""

_USERS_BY_ID = compiled(
    select(*PUBLIC_COLUMNS).where(User.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
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
_USER_BY_EMAIL_KEY = compiled(
    select(*PUBLIC_COLUMNS, User.password_hash).where(User.email_key == bindparam("email_key"))
)


async def users_by_id(connection: Fetch, ids: list[int]) -> list[Record]:
    """Rows (id, name, email, role, created_at) of those ids that exist, in no order."""
    return await connection.fetch(_USERS_BY_ID, ids=ids)


async def visible_users_by_id(connection: Fetch, ids: list[int], actor: Actor) -> list[Record]:
    """Those that the actor may look up by id: who teaches or runs the platform, and themselves; administrators all.

    Ids can be counted, and nobody shall read off the names of everybody who learns here.
    """
    return await connection.fetch(
        _VISIBLE_USERS_BY_ID, ids=ids, sees_all=actor.is_admin, viewer=actor.user_id or 0
    )


async def user_by_email_key(connection: Fetch, email_key: str) -> Record | None:
    """The row (id, name, email, role, created_at, password_hash) of an address in the form of `email_key`."""
    rows = await connection.fetch(_USER_BY_EMAIL_KEY, email_key=email_key)
    return rows[0] if rows else None
