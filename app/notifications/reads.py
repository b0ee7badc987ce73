"""Every SELECT of notifications."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import ARRAY, BigInteger, Integer, Uuid, any_, bindparam, select

from app.database import Fetch, Query, compiled
from app.identity.actor import Actor
from app.notifications.kinds import DEFAULTS
from app.notifications.models import Notification, NotificationCounter

CURSOR = {"position": int}
_COLUMNS = (
    Notification.id,
    Notification.recipient_id,
    Notification.position,
    Notification.kind,
    Notification.payload,
    Notification.created_at,
    Notification.read_at,
)
_OWNER = Notification.recipient_id == bindparam("owner", type_=BigInteger)
_THESE = Notification.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
_LISTED = Notification.position.is_not(None)

_BY_ID = compiled(select(*_COLUMNS).where(_THESE, _OWNER, _LISTED))
_FOR_MAILS = compiled(select(*_COLUMNS).where(_THESE))
_COUNTERS = compiled(
    select(NotificationCounter.recipient_id, NotificationCounter.unread).where(
        NotificationCounter.recipient_id == any_(bindparam("user_ids", type_=ARRAY(BigInteger)))
    )
)
# Every account has every kind: what it has not chosen is as the kind's definition says.
_PREFERENCES = Query(
    "SELECT a.user_id, k.kind, coalesce(p.in_app, k.in_app) AS in_app, coalesce(p.mail, k.mail) AS mail,"
    " coalesce(p.digest, k.digest) AS digest"
    " FROM unnest($1::bigint[]) AS a (user_id)"
    " CROSS JOIN unnest($2::text[], $3::boolean[], $4::boolean[], $5::boolean[]) WITH ORDINALITY"
    " AS k (kind, in_app, mail, digest, place)"
    " LEFT JOIN notification_preferences p ON p.user_id = a.user_id AND p.kind = k.kind"
    " ORDER BY a.user_id, k.place",
    ("user_ids", "kinds", "in_app", "mail", "digest"),
    DEFAULTS,
)
_WAITING = Query(
    "SELECT count(*) AS due, coalesce(extract(epoch FROM now() - min(due_at)), 0)::float AS oldest"
    " FROM (SELECT due_at FROM notification_mails WHERE state = 'due' AND due_at <= now() ORDER BY due_at LIMIT $1) d",
    ("limit",),
    {},
)


@cache
def _page(*, unread_only: bool, continued: bool) -> Query:
    statement = select(*_COLUMNS).where(_OWNER, _LISTED)
    if unread_only:
        statement = statement.where(Notification.read_at.is_(None))
    if continued:
        statement = statement.where(Notification.position < bindparam("after", type_=BigInteger))
    return compiled(statement.order_by(Notification.position.desc()).limit(bindparam("first", type_=Integer)))


async def notifications_by_id(connection: Fetch, ids: Sequence[UUID], actor: Actor) -> list[Record]:
    """Those of the actor's own list."""
    # No user has the id 0.
    return await connection.fetch(_BY_ID, ids=ids, owner=actor.user_id or 0)


async def notifications_page(
    connection: Fetch, user_id: int, first: int, after: tuple[int] | None, *, unread_only: bool
) -> list[Record]:
    """Up to `first` of an account's list, the newest first; `after` is the position of the last one seen."""
    values: dict[str, Any] = {} if after is None else {"after": after[0]}
    query = _page(unread_only=unread_only, continued=after is not None)
    return await connection.fetch(query, owner=user_id, first=first, **values)


async def counters_of_users(connection: Fetch, user_ids: Sequence[int]) -> list[Record]:
    """(recipient_id, unread); none for whoever was never told anything."""
    return await connection.fetch(_COUNTERS, user_ids=user_ids)


async def preferences_of_users(connection: Fetch, user_ids: Sequence[int]) -> list[Record]:
    """(user_id, kind, in_app, mail, digest): a row for every account and kind, in the order of the kinds."""
    return await connection.fetch(_PREFERENCES, user_ids=user_ids)


async def notifications_for_mails(connection: Fetch, ids: Sequence[UUID]) -> list[Record]:
    """Of any recipients, listed or not: for the mails that tell of them."""
    return await connection.fetch(_FOR_MAILS, ids=ids)


async def mails_waiting(connection: Fetch, limit: int = 10_000) -> Record:
    """(due, oldest): how many mails are due, up to `limit`, and the seconds that the oldest has waited."""
    (row,) = await connection.fetch(_WAITING, limit=limit)
    return row
