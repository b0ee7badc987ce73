"""Sending what is due: taken for a while, sent one by one over a kept connection, each recorded when it was accepted.

A worker that dies leaves what it took; it is due again when its time is over. So a mail that was accepted right before its
worker died is sent twice, with the same Message-ID; none is lost.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

from asyncpg import Record

from app.database import Database, Query
from app.identity import reads as identity
from app.mail import Mailer, Message, Outcome
from app.notifications import reads
from app.notifications.letters import NotificationLetters
from app.notifications.models import MailState
from app.telemetry import Metrics

BATCH = 100
LEASE = timedelta(seconds=200)
"""For which what was taken is left alone: longer than the job that takes it may run."""
PATIENCE = 60.0
"""Seconds after which no further mail of a batch is begun: a silent server may take a minute for each."""
TRIES = 20
GIVEN_UP_AFTER = timedelta(hours=24)
_FIRST_DELAY, _LONGEST_DELAY = timedelta(minutes=1), timedelta(hours=2)

# What was tried so often without an end of any kind kills whoever tries.
_TAKE = Query(
    # Looked for once: a subquery would be begun anew for each row of some plans, and take more than a batch.
    "WITH d AS MATERIALIZED (SELECT id FROM notification_mails WHERE state = 'due' AND due_at <= now()"
    " ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)"
    " UPDATE notification_mails m SET tries = m.tries + 1, due_at = now() + $3,"
    " state = CASE WHEN m.tries < $1 THEN 'due' ELSE 'failed' END FROM d WHERE m.id = d.id"
    " RETURNING m.id, m.recipient_id, m.day, m.notification_ids, m.left_out, m.state, m.tries",
    ("tries", "rows", "lease"),
    {},
)
_SETTLE = Query(
    "UPDATE notification_mails SET state = $2 WHERE id = $1 AND state = 'due' RETURNING state",
    ("id", "state"),
    {},
)
_LATER = Query(
    "UPDATE notification_mails SET due_at = now() + $3,"
    " state = CASE WHEN tries < $4 AND created_at > now() - $5::interval THEN 'due' ELSE 'failed' END"
    " WHERE id = $1 AND state = 'due' AND tries = $2 RETURNING state",
    ("id", "taken", "delay", "tries", "age"),
    {},
)
_PUT_BACK = Query(
    "UPDATE notification_mails m SET due_at = now(), tries = m.tries - 1"
    " FROM unnest($1::uuid[], $2::int[]) AS t (id, tries) WHERE m.id = t.id AND m.state = 'due' AND m.tries = t.tries",
    ("ids", "taken"),
    {},
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sending:
    """What mails are made of and leave by."""

    database: Database
    mailer: Mailer
    letters: NotificationLetters
    metrics: Metrics


async def send_batch(sending: Sending) -> None:
    """Sends up to BATCH of the mails that are due; no connection is held while the server is spoken to."""
    database = sending.database
    taken = await database.fetch(_TAKE, tries=TRIES, rows=BATCH, lease=LEASE)
    mails = [row for row in taken if row["state"] == MailState.DUE]
    if hopeless := len(taken) - len(mails):
        sending.metrics.notification_mails.labels(MailState.FAILED).inc(hopeless)
        _log.error("%s mails about notifications were given up: whoever sends them dies", hopeless)
    if not mails:
        return
    facts = await _facts(database, mails)
    deadline = monotonic() + PATIENCE
    for place, mail in enumerate(mails):
        if monotonic() > deadline:
            left = mails[place:]
            taken_for = {"ids": [row["id"] for row in left], "taken": [row["tries"] for row in left]}
            await database.fetch(_PUT_BACK, **taken_for)
            return
        sending.metrics.notification_mails.labels(await _send(sending, mail, facts)).inc()


@dataclass(frozen=True, slots=True)
class _Facts:
    """Of all mails of a batch, three reads."""

    notifications: dict[Any, Record]
    users: dict[int, Record]
    wanted: dict[tuple[int, str], Record]


async def _facts(database: Database, mails: Sequence[Record]) -> _Facts:
    recipients = list({mail["recipient_id"] for mail in mails})
    ids = [number for mail in mails for number in mail["notification_ids"]]
    return _Facts(
        {row["id"]: row for row in await reads.notifications_for_mails(database, ids)},
        {row["id"]: row for row in await identity.users_by_id(database, recipients)},
        {
            (row["user_id"], row["kind"]): row
            for row in await reads.preferences_of_users(database, recipients)
        },
    )


async def _send(sending: Sending, mail: Record, facts: _Facts) -> str:
    """Returns what became of it: a state; later, when it stays due."""
    try:
        message = _written(sending.letters, mail, facts)
    except Exception:  # noqa: BLE001 - perhaps of a kind that another release knows; the other mails must leave
        _log.exception("a mail about notifications could not be written")
        return await _postpone(sending.database, mail)
    if message is None:
        return await _settle(sending.database, mail, MailState.CANCELLED)
    (outcome,) = await sending.mailer.send([message])
    if outcome is Outcome.LATER:
        return await _postpone(sending.database, mail)
    state = MailState.SENT if outcome is Outcome.SENT else MailState.FAILED
    return await _settle(sending.database, mail, state)


def _written(letters: NotificationLetters, mail: Record, facts: _Facts) -> Message | None:
    """None when its recipient wants it no more, or has no proven address."""
    user = facts.users.get(mail["recipient_id"])
    if user is None or user["email_verified_at"] is None:
        return None
    way = "mail" if mail["day"] is None else "digest"
    rows = [
        row
        for row in map(facts.notifications.get, mail["notification_ids"])
        # A kind that this release does not know shall fail below, and be tried by another.
        if row and facts.wanted.get((user["id"], row["kind"]), {way: True})[way]
    ]
    if not rows:
        return None
    if mail["day"] is None:
        return letters.notification(mail, rows[0], to=user["email"])
    return letters.digest(mail, rows, to=user["email"])


async def _settle(database: Database, mail: Record, state: MailState) -> str:
    await database.fetch(_SETTLE, id=mail["id"], state=state)
    return state


async def _postpone(database: Database, mail: Record) -> str:
    delay = min(_FIRST_DELAY * 2 ** min(mail["tries"] - 1, 20), _LONGEST_DELAY)
    rows = await database.fetch(
        _LATER, id=mail["id"], taken=mail["tries"], delay=delay, tries=TRIES, age=GIVEN_UP_AFTER
    )
    if rows and rows[0]["state"] == MailState.FAILED:
        _log.error("a mail about notifications was given up after %s tries", mail["tries"])
        return MailState.FAILED
    return "later"
