"""The daily mail: what was not told at once, and is still unread, of the kinds that somebody wants so."""

from datetime import date

from app.database import Query, Transaction
from app.notifications.kinds import DEFAULTS

ITEMS = 50
"""Told of in a mail; the others are counted."""

# The counters first, in ascending order, as whoever tells or reads does. An array, so that the counters' key is what is gone
# by, and not all of them are read.
_LOCK = Query(
    "SELECT recipient_id FROM notification_counters WHERE recipient_id = ANY(ARRAY(SELECT DISTINCT recipient_id"
    " FROM notifications WHERE for_digest AND recipient_id > $1 ORDER BY recipient_id LIMIT $2))"
    " ORDER BY recipient_id FOR NO KEY UPDATE",
    ("after", "rows"),
    {},
)
# Whoever has had their mail of that day keeps what came since for the next. What is read, or wanted no more, is let go.
_COLLECT = Query(
    """
WITH collected AS (
    UPDATE notifications n SET for_digest = false
    WHERE n.recipient_id = ANY($2::bigint[]) AND n.for_digest
      AND NOT EXISTS (SELECT FROM notification_mails m WHERE m.recipient_id = n.recipient_id AND m.day = $1)
    RETURNING n.id, n.recipient_id, n.kind, n.read_at
), told AS (
    SELECT n.recipient_id, array_agg(n.id ORDER BY n.id DESC) AS ids FROM collected n
    JOIN users u ON u.id = n.recipient_id AND u.email_verified_at IS NOT NULL
    LEFT JOIN notification_preferences p ON p.user_id = n.recipient_id AND p.kind = n.kind
    LEFT JOIN unnest($4::text[], $5::boolean[]) AS d (kind, digest) ON d.kind = n.kind
    WHERE n.read_at IS NULL AND coalesce(p.digest, d.digest, false) GROUP BY n.recipient_id
), mailed AS (
    INSERT INTO notification_mails (recipient_id, day, notification_ids, left_out)
    SELECT recipient_id, $1, ids[1:$3], greatest(cardinality(ids) - $3, 0) FROM told RETURNING 1
)
SELECT count(*) AS made FROM mailed
""",
    ("day", "recipients", "items", "kinds", "digest"),
    {"kinds": DEFAULTS["kinds"], "digest": DEFAULTS["digest"]},
)


async def collect_digests(
    tx: Transaction, *, day: date, after: int = 0, rows: int = 500
) -> tuple[int, int | None]:
    """Makes the mail of that day for up to `rows` accounts beyond the id `after`, one each.

    Returns how many mails, and the id to go on from; None when there are no more.
    """
    recipients = [row["recipient_id"] for row in await tx.fetch(_LOCK, after=after, rows=rows)]
    (step,) = await tx.fetch(_COLLECT, day=day, recipients=recipients, items=ITEMS)
    return step["made"], recipients[-1] if len(recipients) == rows else None
