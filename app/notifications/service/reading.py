"""What its recipient has read. Two devices may say so at once: each row counts once."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.database import Query, Transaction
from app.identity.actor import Actor
from app.notifications.errors import NotificationNotFound

# First of all: whoever else reads or is told something waits here, so that rows and counter change together. Where there is
# no counter yet nothing is locked: what is told from then on is not touched, as its rows would be locked before the counter.
_LOCK = Query(
    "SELECT unread FROM notification_counters WHERE recipient_id = $1 FOR NO KEY UPDATE", ("owner",), {}
)
_OWN = Query(
    "SELECT count(*) AS found FROM notifications WHERE id = ANY($2::uuid[]) AND recipient_id = $1"
    " AND position IS NOT NULL",
    ("owner", "ids"),
    {},
)

_MARK = Query(
    "WITH seen AS (UPDATE notifications SET read_at = now() WHERE recipient_id = $1 AND read_at IS NULL"
    " AND position IS NOT NULL AND ($2::uuid[] IS NULL OR id = ANY($2)) AND ($3::bigint IS NULL OR position <= $3)"
    " RETURNING 1)"
    " UPDATE notification_counters SET unread = unread - (SELECT count(*) FROM seen) WHERE recipient_id = $1"
    " RETURNING unread",
    ("owner", "ids", "up_to"),
    {"ids": None, "up_to": None},
)


async def mark_read(tx: Transaction, actor: Actor, *, ids: Sequence[UUID]) -> int:
    """Marks these of the actor's own. Returns how many are unread now. Raises NOT_FOUND if any is not theirs."""
    chosen = list(set(ids))
    if not await tx.fetch(_LOCK, owner=actor.user_id):
        if chosen:
            raise NotificationNotFound
        return 0
    (own,) = await tx.fetch(_OWN, owner=actor.user_id, ids=chosen)
    if own["found"] != len(chosen):
        raise NotificationNotFound
    return await _marked(tx, actor, ids=chosen)


async def mark_read_up_to(tx: Transaction, actor: Actor, *, position: int) -> int:
    """Marks all of the actor's own up to that place in their list, itself included. Returns how many are unread now."""
    return await _marked(tx, actor, up_to=position) if await tx.fetch(_LOCK, owner=actor.user_id) else 0


async def mark_all_read(tx: Transaction, actor: Actor) -> int:
    """Marks all of the actor's own. Returns how many are unread now: those that came meanwhile."""
    return await _marked(tx, actor) if await tx.fetch(_LOCK, owner=actor.user_id) else 0


async def _marked(tx: Transaction, actor: Actor, **values: Any) -> int:
    (row,) = await tx.fetch(_MARK, owner=actor.user_id, **values)
    return int(row["unread"])
