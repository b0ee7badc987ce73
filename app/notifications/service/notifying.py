"""Telling people: rows in the transaction in which it happened."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from asyncpg import Record

from app.database import Query, Transaction
from app.jobs import Job
from app.mail import UNREACHABLE
from app.notifications.kinds import KINDS, NotificationKind, text_of
from app.outbox import Outbox
from app.pubsub import PubSub
from app.telemetry import Metrics

ONE_SENDER = "all"
"""The key of the job that sends mails: one waits or runs, and goes on while any are due."""

# In ascending order, so that two who tell the same people do not wait for each other in a circle. The locks last until
# the commit: that is why positions are in the order of commits. The update changes nothing.
_LOCK = Query(
    "INSERT INTO notification_counters AS kept (recipient_id) SELECT id FROM users WHERE id = ANY($1::bigint[])"
    " ORDER BY id ON CONFLICT (recipient_id) DO UPDATE SET unread = kept.unread RETURNING recipient_id",
    ("recipients",),
    {},
)
# A statement of its own: only one that begins after the lock sees what others have committed while we waited for it. It says
# of each table whose rows it is about: joined alone, the planner may read all of it for a thousand recipients.
_NOTIFY = Query(
    f"""
WITH wanted AS MATERIALIZED (
    SELECT u.id AS recipient_id, coalesce(p.in_app, $5) AS in_app,
           coalesce(p.mail, $6) AND u.email_verified_at IS NOT NULL AND u.email_key NOT LIKE '%{UNREACHABLE}' AS mail,
           coalesce(p.digest, $7) AS digest
    FROM users u LEFT JOIN notification_preferences p
      ON p.user_id = u.id AND p.kind = $2 AND p.user_id = ANY($1::bigint[])
    WHERE u.id = ANY($1::bigint[])
      AND NOT EXISTS (SELECT FROM notifications n WHERE n.recipient_id = u.id AND n.dedupe_key = $3)
), told AS (
    INSERT INTO notifications (recipient_id, position, kind, dedupe_key, payload, for_digest)
    SELECT w.recipient_id, CASE WHEN w.in_app THEN c.position + 1 END, $2, $3, $4, w.digest AND NOT w.mail
    FROM wanted w JOIN notification_counters c USING (recipient_id) WHERE c.recipient_id = ANY($1::bigint[])
    RETURNING id, recipient_id, position
), counted AS (
    UPDATE notification_counters c SET position = t.position, unread = c.unread + 1
    FROM told t
    WHERE c.recipient_id = t.recipient_id AND t.position IS NOT NULL AND c.recipient_id = ANY($1::bigint[])
), mailed AS (
    INSERT INTO notification_mails (id, recipient_id, notification_ids)
    SELECT t.id, t.recipient_id, ARRAY[t.id] FROM told t JOIN wanted w USING (recipient_id) WHERE w.mail
    RETURNING recipient_id
)
SELECT t.recipient_id, t.position, m.recipient_id IS NOT NULL AS mailed
FROM told t LEFT JOIN mailed m USING (recipient_id)
""",  # noqa: S608 - a constant of ours
    ("recipients", "kind", "key", "payload", "in_app", "mail", "digest"),
    {},
)


async def lock_recipients(tx: Transaction, recipients: Iterable[int]) -> bool:
    """First of all for whoever tells several times in a transaction: of everybody who may be told. False for nobody."""
    chosen = sorted(set(recipients))
    return bool(chosen) and bool(await tx.fetch(_LOCK, recipients=chosen))


@dataclass(frozen=True, slots=True)
class Notifier:
    """What telling people needs beside the transaction. One per process."""

    outbox: Outbox
    pubsub: PubSub
    metrics: Metrics


def channel_of(user_id: int) -> str:
    """Where an account's clients hear that there is something new."""
    return f"notifications:{user_id}"


async def notify(
    tx: Transaction,
    notifier: Notifier,
    *,
    kind: NotificationKind,
    recipients: Iterable[int],
    key: str,
    payload: Mapping[str, Any],
) -> int:
    """Tells each recipient once for the same `key`, if the transaction commits. Returns how many had not been told.

    `key` names the event; `payload` holds its facts as JSON: what the kind's texts name, and `course_id` where it leads to
    a course. Three statements, however many recipients. Raises KeyError for a fact that is missing.
    """
    text_of(kind, payload)
    definition = KINDS[kind]
    chosen = set(recipients)
    if not await lock_recipients(tx, chosen):
        return 0
    told = await tx.fetch(
        _NOTIFY,
        recipients=sorted(chosen),
        kind=kind.value,
        key=key,
        payload=dict(payload),
        in_app=definition.in_app,
        mail=definition.mail,
        digest=definition.digest,
    )
    if any(row["mailed"] for row in told):
        await notifier.outbox.enqueue(tx, Job.SEND_NOTIFICATION_MAILS, {}, key=ONE_SENDER)
    if told:
        _wake_after(tx, notifier, kind, told)
    return len(told)


def _wake_after(tx: Transaction, notifier: Notifier, kind: NotificationKind, told: list[Record]) -> None:
    async def wake() -> None:
        notifier.metrics.notifications.labels(kind.value).inc(len(told))
        for row in told:
            # Where Redis is away the first attempt has waited for it; the others would only wait again.
            if row["position"] is not None and not await notifier.pubsub.publish(
                channel_of(row["recipient_id"]), {"position": row["position"]}
            ):
                return

    tx.after_commit(wake)
