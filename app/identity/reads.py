"""Every SELECT of identity. A `connection` is the database itself (a short connection) or a transaction."""

from datetime import timedelta
from typing import Any

from asyncpg import Record
from sqlalchemy import BigInteger, Boolean, Interval, Uuid, any_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.database import Fetch, compiled
from app.identity.actor import Actor
from app.identity.models import AuthSession, Role, User

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


def session_columns() -> tuple[Any, ...]:
    """What is shown of a session, with `current` to fill: the id of the one that asks, or None."""
    current = bindparam("current", type_=Uuid)
    return (
        AuthSession.id,
        AuthSession.user_id,
        AuthSession.device,
        AuthSession.created_at,
        AuthSession.last_used_at,
        AuthSession.expires_at,
        AuthSession.id.is_not_distinct_from(current).label("current"),
    )


_SESSIONS_OF_USERS = compiled(
    select(*session_columns())
    .where(
        AuthSession.user_id == any_(bindparam("user_ids", type_=ARRAY(BigInteger))),
        AuthSession.revoked_at.is_(None),
        AuthSession.expires_at > func.now(),
    )
    .order_by(AuthSession.last_used_at.desc(), AuthSession.id.desc())
)
_SESSIONS_REVOKED_WITHIN = compiled(
    select(AuthSession.id).where(AuthSession.revoked_at > func.now() - bindparam("duration", type_=Interval))
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


async def sessions_of_users(connection: Fetch, user_ids: list[int], actor: Actor) -> list[Record]:
    """Living sessions (id, user_id, device, created_at, last_used_at, expires_at, current), last used first.

    At most 100 an account: sessions.py keeps to it.
    """
    return await connection.fetch(_SESSIONS_OF_USERS, user_ids=user_ids, current=actor.session_id)


async def sessions_revoked_within(connection: Fetch, seconds: float) -> list[Record]:
    """Ids of the sessions that were ended in the last `seconds`, of all accounts."""
    return await connection.fetch(_SESSIONS_REVOKED_WITHIN, duration=timedelta(seconds=seconds))
