"""Sign-ins, read."""

from datetime import timedelta
from typing import Any

from asyncpg import Record
from sqlalchemy import BigInteger, Interval, Uuid, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.database import Fetch, compiled
from app.identity.actor import Actor
from app.identity.models import AuthSession


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


async def sessions_of_users(connection: Fetch, user_ids: list[int], actor: Actor) -> list[Record]:
    """Living sessions (id, user_id, device, created_at, last_used_at, expires_at, current), last used first.

    At most 100 an account: service/sessions.py keeps to it.
    """
    return await connection.fetch(_SESSIONS_OF_USERS, user_ids=user_ids, current=actor.session_id)


async def sessions_revoked_within(connection: Fetch, seconds: float) -> list[Record]:
    """Ids of the sessions that were ended in the last `seconds`, of all accounts."""
    return await connection.fetch(_SESSIONS_REVOKED_WITHIN, duration=timedelta(seconds=seconds))
