"""A course's rules for enrolling, as its instructors set them."""

from collections.abc import Mapping
from typing import Any

from app.catalog.service.editing import course_to_edit
from app.database import Query, Transaction
from app.errors import DomainError
from app.identity.actor import Actor
from app.learning.service.seats import lock_seats
from app.learning.service.waitlist import promote
from app.notifications.service import Notifier

CAPACITY_LIMIT = 1_000_000
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
_RULES = ("capacity", "opens_at", "closes_at", "invitation_only")

_READ = Query(
    "SELECT capacity, opens_at, closes_at, invitation_only FROM enrollment_policies WHERE course_id = $1",
    ("course_id",),
    {},
)
_WRITE = Query(
    "INSERT INTO enrollment_policies (course_id, capacity, opens_at, closes_at, invitation_only)"
    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (course_id) DO UPDATE SET capacity = excluded.capacity,"
    " opens_at = excluded.opens_at, closes_at = excluded.closes_at, invitation_only = excluded.invitation_only",
    ("course_id", *_RULES),
    {},
)


async def update_enrollment_policy(
    tx: Transaction, notifier: Notifier, actor: Actor, *, course_id: int, changes: Mapping[str, Any]
) -> None:
    """Changes the given rules, leaves the others. Free seats go to those who wait, in order, 500 at once, the others within
    a minute; nobody loses a seat. Raises INVALID_INPUT, and as `course_to_edit`.
    """
    await course_to_edit(tx, actor, course_id, "courseId")
    # Before the rules are read: who enrols meanwhile goes by the old ones, who comes after by the new.
    await lock_seats(tx, course_id)
    now = await tx.fetch_one(_READ, course_id=course_id)
    before = dict.fromkeys(_RULES) | {"invitation_only": False} if now is None else dict(now)
    rules = before | dict(changes)
    _check(rules)
    if rules == before:
        return
    await tx.fetch(_WRITE, course_id=course_id, **rules)
    await promote(tx, notifier, course_id)


def _check(rules: Mapping[str, Any]) -> None:
    capacity, opens_at, closes_at = rules["capacity"], rules["opens_at"], rules["closes_at"]
    if capacity is not None and not 1 <= capacity <= CAPACITY_LIMIT:
        raise DomainError(f"Between 1 and {CAPACITY_LIMIT:,} seats.", path=("input", "capacity"))
    for name, moment in (("opensAt", opens_at), ("closesAt", closes_at)):
        # What lies at the ends of the calendar has no other time zone, and no database takes it.
        if moment is not None and not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise DomainError(f"A year from {_FIRST_YEAR} to {_LAST_YEAR}.", path=("input", name))
    if opens_at is not None and closes_at is not None and closes_at <= opens_at:
        raise DomainError("Enrolment closes after it opens.", path=("input", "closesAt"))
