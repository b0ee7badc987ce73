"""Invitations: who may enrol by an address. No answer, and no time that one takes, tells whether an address has an account:
the statements never look, until its owner comes or the mail is written.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from asyncpg import Record

from app.catalog.models import CourseStatus
from app.catalog.service.editing import course_to_edit
from app.database import Query, Transaction
from app.errors import DomainError, RateLimited
from app.identity.actor import Actor
from app.identity.addresses import checked_email, email_key
from app.identity.errors import InvalidEmail
from app.jobs import Job
from app.learning import reads
from app.learning.errors import InvalidState, NotFound
from app.learning.service.events import count_after
from app.outbox import Outbox
from app.telemetry import Metrics
from app.validation import checked_text

ADDRESSES_AT_ONCE = 100
ADDRESSES_PER_HOUR = 500
"""Of one instructor: a lecture hall in an hour; what is more is a roster, which an operator imports."""
MESSAGE_LIMIT = 1_000
LIFETIME = timedelta(days=30)
MAIL_PAUSE = timedelta(days=1)
"""Between two mails to an address about a course, however often it is invited."""

# One statement, so that enrolling costs one more and no other takes the same invitation. An address counts once it is
# proved: anybody may type any.
_TAKE = Query(
    "WITH taken AS (DELETE FROM invitations USING users WHERE users.id = $1 AND users.email_verified_at IS NOT NULL"
    " AND invitations.email_key = users.email_key AND invitations.course_id = $2 AND invitations.expires_at > now()"
    " RETURNING invitations.id, invitations.course_id, invitations.cohort_id, invitations.invited_by),"
    " joined AS (INSERT INTO cohort_members (cohort_id, user_id)"
    " SELECT cohort_id, $1 FROM taken WHERE cohort_id IS NOT NULL ON CONFLICT DO NOTHING)"
    " SELECT * FROM taken",
    ("user_id", "course_id"),
    {},
)
_ALLOWANCE = Query(
    "INSERT INTO invitation_allowances AS kept (user_id, hour_began, addresses) VALUES ($1, now(), $2)"
    " ON CONFLICT (user_id) DO UPDATE SET"
    " hour_began = CASE WHEN kept.hour_began > now() - interval '1 hour' THEN kept.hour_began ELSE now() END,"
    " addresses = excluded.addresses"
    " + CASE WHEN kept.hour_began > now() - interval '1 hour' THEN kept.addresses ELSE 0 END"
    " RETURNING addresses, extract(epoch FROM hour_began + interval '1 hour' - now())::float AS seconds",
    ("user_id", "addresses"),
    {},
)
# In the order of the keys, so that two of the same addresses wait for each other in one direction only.
_INVITE = Query(
    "INSERT INTO invitations AS v (course_id, email, email_key, name, cohort_id, invited_by, message, expires_at)"  # noqa: S608
    " SELECT $1, t.email, t.key, t.name, t.cohort, $6, $7, now() + $8::interval"
    " FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) AS t (email, key, name, cohort) ORDER BY t.key"
    " ON CONFLICT (course_id, email_key) DO UPDATE SET email = excluded.email, invited_by = excluded.invited_by,"
    " name = coalesce(excluded.name, v.name),"
    " cohort_id = coalesce(excluded.cohort_id, v.cohort_id), message = coalesce(excluded.message, v.message),"
    f" expires_at = excluded.expires_at RETURNING {reads.INVITATION_COLUMNS}, old.id IS NULL AS made",
    ("course_id", "emails", "keys", "names", "cohort_ids", "invited_by", "message", "lifetime"),
    {},
)
_TO_MAIL = Query(
    "INSERT INTO invitation_mails AS kept (course_id, email_key, mailed_at)"
    " SELECT $1, t.key, now() FROM unnest($2::text[]) AS t (key) ORDER BY t.key"
    " ON CONFLICT (course_id, email_key) DO UPDATE SET mailed_at = now() WHERE kept.mailed_at <= now() - $3::interval"
    " RETURNING email_key, mailed_at",
    ("course_id", "keys", "pause"),
    {},
)
_WITHDRAW = Query("DELETE FROM invitations WHERE id = $1 RETURNING course_id", ("invitation_id",), {})
_DECLINE = Query(
    "DELETE FROM invitations v USING users u WHERE v.id = $1 AND v.expires_at > now() AND u.id = $2"
    " AND u.email_verified_at IS NOT NULL AND u.email_key = v.email_key RETURNING v.id",
    ("invitation_id", "user_id"),
    {},
)


@dataclass(frozen=True, slots=True)
class Invited:
    """A checked address, and the cohort that it leads into."""

    email: str
    key: str
    cohort_id: int | None = None
    name: str | None = None


async def invite_learners(
    tx: Transaction,
    outbox: Outbox,
    metrics: Metrics,
    actor: Actor,
    *,
    course_id: int,
    emails: Sequence[str],
    cohort_id: int | None = None,
    message: str | None = None,
) -> list[Record]:
    """Invites 1 to 100 addresses to a published course, for 30 days; again renews. Returns rows of INVITATION_COLUMNS.

    An address that comes twice counts once. Raises INVALID_INPUT at the address that is none, NOT_FOUND for a cohort of
    another course, INVALID_STATE for a draft, RateLimited beyond 500 addresses an hour.
    """
    if not 1 <= len(emails) <= ADDRESSES_AT_ONCE:
        raise DomainError(f"Between 1 and {ADDRESSES_AT_ONCE} addresses.", path=("input", "emails"))
    if message is not None:
        message = checked_text(message, "input", "message", maximum=MESSAGE_LIMIT, breaks=True) or None
    invited = _checked(emails, cohort_id)
    course = await course_to_edit(tx, actor, course_id, "courseId")
    if course["status"] != CourseStatus.PUBLISHED:
        raise InvalidState("Publish the course before you invite anybody.", "courseId")
    if cohort_id is not None:
        cohorts = await reads.cohorts_by_id(tx, [cohort_id], actor)
        if not cohorts or cohorts[0]["course_id"] != course_id:
            raise NotFound("cohort of this course", "cohortId")
    assert actor.user_id is not None
    await _spend(tx, actor.user_id, len(invited))
    return await invite(
        tx,
        outbox,
        metrics,
        course_id=course_id,
        invited=invited,
        invited_by=actor.user_id,
        message=message,
    )


async def invite(
    tx: Transaction,
    outbox: Outbox,
    metrics: Metrics,
    *,
    course_id: int,
    invited: Sequence[Invited],
    invited_by: int,
    message: str | None = None,
    mail: bool = True,
) -> list[Record]:
    """For whoever has checked all of it; no key may come twice. A mail each, unless its address had one within a day."""
    keys = [one.key for one in invited]
    rows = await tx.fetch(
        _INVITE,
        course_id=course_id,
        emails=[one.email for one in invited],
        keys=keys,
        names=[one.name for one in invited],
        cohort_ids=[one.cohort_id for one in invited],
        invited_by=invited_by,
        message=message,
        lifetime=LIFETIME,
    )
    if mail:
        due = await tx.fetch(_TO_MAIL, course_id=course_id, keys=keys, pause=MAIL_PAUSE)
        # By address, not by invitation: one that is withdrawn and made again before its mail went out still gets it. The
        # key tells one mail from the next: the Message-ID is made of it.
        await outbox.enqueue_many(
            tx,
            Job.SEND_INVITATION,
            [
                (
                    f"{course_id}:{row['email_key']}:{row['mailed_at'].isoformat()}",
                    {"course_id": course_id, "email_key": row["email_key"]},
                )
                for row in due
            ],
        )
    made = sum(row["made"] for row in rows)
    _count(tx, metrics, made=made, renewed=len(rows) - made)
    return rows


async def withdraw_invitation(tx: Transaction, metrics: Metrics, actor: Actor, *, invitation_id: UUID) -> int:
    """By whoever manages the course, also of an archived one. Returns the course's id. Raises NOT_FOUND."""
    found = await reads.invitations_by_id(tx, [invitation_id], actor)
    managed = await reads.managed_courses(tx, [row["course_id"] for row in found], actor)
    withdrawn = await tx.fetch_one(_WITHDRAW, invitation_id=invitation_id) if managed else None
    if withdrawn is None:
        raise NotFound("invitation", "invitationId")
    _count(tx, metrics, withdrawn=1)
    return int(withdrawn["course_id"])


async def decline_invitation(tx: Transaction, metrics: Metrics, actor: Actor, *, invitation_id: UUID) -> None:
    """By the account that has proved the address. Raises NOT_FOUND to everybody else."""
    if await tx.fetch_one(_DECLINE, invitation_id=invitation_id, user_id=actor.user_id) is None:
        raise NotFound("invitation", "invitationId")
    _count(tx, metrics, declined=1)


async def take_invitation(tx: Transaction, user_id: int, course_id: int, metrics: Metrics) -> Record | None:
    """Uses up the invitation of the account's proved address: deletes it, and makes the account a member of its cohort.

    Returns (id, course_id, cohort_id, invited_by); None when there is none, or it has expired. For whoever enrols the
    account in the same transaction: members of cohorts are enrolled.
    """
    taken = await tx.fetch_one(_TAKE, user_id=user_id, course_id=course_id)
    if taken is not None:
        _count(tx, metrics, taken=1)
    return taken


def _checked(emails: Sequence[str], cohort_id: int | None) -> list[Invited]:
    """Each address once, as it was first written."""
    invited: dict[str, Invited] = {}
    for place, email in enumerate(emails):
        try:
            checked = checked_email(email)
        except InvalidEmail as error:
            raise DomainError(error.message, path=("input", "emails", str(place))) from None
        key = email_key(checked)
        invited.setdefault(key, Invited(checked, key, cohort_id))
    return list(invited.values())


async def _spend(tx: Transaction, user_id: int, addresses: int) -> None:
    """Raises RateLimited, which rolls back: what was refused counts nothing."""
    spent = await tx.fetch_one(_ALLOWANCE, user_id=user_id, addresses=addresses)
    if spent is not None and spent["addresses"] > ADDRESSES_PER_HOUR:
        raise RateLimited(max(math.ceil(spent["seconds"]), 1))


def _count(tx: Transaction, metrics: Metrics, **outcomes: int) -> None:
    for outcome, number in outcomes.items():
        count_after(tx, metrics.invitations.labels(outcome), number)
