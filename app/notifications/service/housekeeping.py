"""What nobody asks for any more is forgotten: their keys too, so that an event of then could be told again."""

from datetime import timedelta
from uuid import UUID

from app.database import Query, Transaction

BEGINNING = UUID(int=0)
READ_KEPT = timedelta(days=180)
UNREAD_KEPT = timedelta(days=365)
MAILS_KEPT = timedelta(days=30)
_ROWS = 1_000
"""Looked at in a step: along the primary key, which is in the order of time."""

_OLD = Query(
    "SELECT id, recipient_id, id < uuid_floor(now() - $4::interval) OR read_at IS NOT NULL OR position IS NULL AS gone"
    " FROM notifications WHERE id > $1 AND id < uuid_floor(now() - $3::interval) ORDER BY id LIMIT $2",
    ("after", "rows", "read_kept", "unread_kept"),
    {},
)
# As whoever adds or reads does, and in the same order.
_LOCK = Query(
    "SELECT recipient_id FROM notification_counters WHERE recipient_id = ANY($1::bigint[]) ORDER BY recipient_id"
    " FOR NO KEY UPDATE",
    ("recipients",),
    {},
)
_FORGET = Query(
    "WITH gone AS (DELETE FROM notifications WHERE id = ANY($1::uuid[]) RETURNING recipient_id, read_at, position),"
    " unread AS (SELECT recipient_id, count(*) AS lost FROM gone WHERE read_at IS NULL AND position IS NOT NULL"
    " GROUP BY recipient_id),"
    " counted AS (UPDATE notification_counters c SET unread = c.unread - u.lost FROM unread u"
    " WHERE c.recipient_id = u.recipient_id)"
    " SELECT count(*) AS gone FROM gone",
    ("ids",),
    {},
)
_FORGET_MAILS = Query(
    "DELETE FROM notification_mails WHERE id IN (SELECT id FROM notification_mails"
    " WHERE id < uuid_floor(now() - $1::interval) AND state <> 'due' ORDER BY id LIMIT $2) RETURNING id",
    ("kept", "rows"),
    {},
)


async def forget_notifications(
    tx: Transaction, *, after: UUID = BEGINNING, rows: int = _ROWS
) -> tuple[int, UUID | None]:
    """Deletes the old ones among the next `rows` beyond the id `after`; the counters follow.

    Returns how many those were, and the id to go on from; None when there are no more.
    """
    seen = await tx.fetch(_OLD, after=after, rows=rows, read_kept=READ_KEPT, unread_kept=UNREAD_KEPT)
    forgotten = 0
    if old := [row for row in seen if row["gone"]]:
        await tx.fetch(_LOCK, recipients=sorted({row["recipient_id"] for row in old}))
        (deleted,) = await tx.fetch(_FORGET, ids=[row["id"] for row in old])
        forgotten = deleted["gone"]
    return forgotten, seen[-1]["id"] if len(seen) == rows else None


async def forget_mails(tx: Transaction, *, rows: int = _ROWS) -> int:
    """Deletes up to `rows` records of mails that were settled long ago. Returns how many."""
    return len(await tx.fetch(_FORGET_MAILS, kept=MAILS_KEPT, rows=rows))
