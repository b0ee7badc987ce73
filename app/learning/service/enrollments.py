"""Enrolling, withdrawing, enrolling again."""

from asyncpg import ForeignKeyViolationError, Record

from app.catalog.models import CourseStatus
from app.database import Query, Transaction
from app.errors import Forbidden
from app.identity.actor import Actor
from app.identity.errors import AccountGone
from app.learning import reads
from app.learning.errors import (
    EnrollmentClosed,
    EnrollmentNotOpen,
    InvalidState,
    InvitationRequired,
    NotEnrolled,
    NotFound,
    PrerequisitesMissing,
)
from app.learning.models import EnrollmentEventKind, EnrollmentState
from app.learning.service.completion import complete_courses
from app.learning.service.events import Happened, count_after, record_events
from app.learning.service.invitations import take_invitation
from app.learning.service.seats import LESSONS_DONE, lock_seats
from app.learning.service.waitlist import promote
from app.notifications.service import Notifier

# Under the lock of the seats. Who waits comes before who comes now, also where a seat is free for a moment. The clock
# and not the transaction's time: it was begun before the wait for the lock, and moments are to be in the order of seats.
# Who has completed the course once has completed it when they come back.
_ENTER = Query(
    f"""
WITH seats AS MATERIALIZED (
    SELECT s.course_id, clock_timestamp() AS at, p.next_waitlist_number,
           p.capacity IS NULL OR s.enrollment_count < p.capacity AND p.waitlist_count = 0 AS free
    FROM course_stats s LEFT JOIN enrollment_policies p ON p.course_id = s.course_id
    WHERE s.course_id = $2
), entered AS (
    INSERT INTO enrollments AS e (user_id, course_id, state, waitlist_number, created_at, enrolled_at, source)
    SELECT $1, course_id, CASE WHEN free THEN 'active' ELSE 'waitlisted' END,
           CASE WHEN NOT free THEN next_waitlist_number END, at, CASE WHEN free THEN at END, $3
    FROM seats
    ON CONFLICT (user_id, course_id) DO UPDATE SET
        state = CASE WHEN excluded.state = 'active' AND e.completed_at IS NOT NULL THEN 'completed' ELSE excluded.state END,
        generation = e.generation + 1, waitlist_number = excluded.waitlist_number, created_at = excluded.created_at,
        enrolled_at = coalesce(excluded.enrolled_at, e.enrolled_at), withdrawn_at = NULL, source = excluded.source,
        lessons_completed = {LESSONS_DONE}
    WHERE e.state = 'withdrawn'
    RETURNING e.user_id, e.course_id, e.state, e.generation, e.created_at
), counted AS (
    UPDATE course_stats s SET enrollment_count = s.enrollment_count + 1
    FROM entered e WHERE s.course_id = e.course_id AND e.state <> 'waitlisted'
), queued AS (
    UPDATE enrollment_policies p
    SET next_waitlist_number = p.next_waitlist_number + 1, waitlist_count = p.waitlist_count + 1
    FROM entered e WHERE p.course_id = e.course_id AND e.state = 'waitlisted'
)
SELECT * FROM entered
""",  # noqa: S608
    ("user_id", "course_id", "source"),
    {},
)
_LEAVE = Query(
    """
WITH gone AS (
    UPDATE enrollments SET state = 'withdrawn', withdrawn_at = clock_timestamp(), waitlist_number = NULL
    WHERE user_id = $1 AND course_id = $2 AND state <> 'withdrawn'
    RETURNING course_id, generation, withdrawn_at, old.state AS was
), counted AS (
    UPDATE course_stats s SET enrollment_count = s.enrollment_count - 1
    FROM gone g WHERE s.course_id = g.course_id AND g.was <> 'waitlisted'
), unqueued AS (
    UPDATE enrollment_policies p SET waitlist_count = p.waitlist_count - 1
    FROM gone g WHERE p.course_id = g.course_id AND g.was = 'waitlisted'
)
SELECT * FROM gone
""",
    ("user_id", "course_id"),
    {},
)


async def enroll(
    tx: Transaction, notifier: Notifier, actor: Actor, *, course_id: int, source: str | None = None
) -> EnrollmentState | None:
    """Gives the actor a seat, or a place in the line for one; who has either keeps it, and nothing is written.

    Returns what they have now, None when they had it before. `source` says by what they came, unless by themselves.
    Raises NOT_FOUND, INVALID_STATE for a course that is not published, ENROLLMENT_NOT_OPEN, ENROLLMENT_CLOSED,
    INVITATION_REQUIRED, PREREQUISITES_MISSING.
    """
    if actor.user_id is None:
        raise Forbidden
    terms = await _terms(tx, actor, course_id)
    if _is_in(terms):
        return None
    _check(terms)
    # Before the invitation, as a roster does, which has the seats of its courses all along.
    await lock_seats(tx, course_id)
    if terms["invited"] and await take_invitation(tx, actor.user_id, course_id, notifier.metrics) is None:
        # Taken while we looked: perhaps by a twin of this very request, which has enrolled them then.
        terms = await _terms(tx, actor, course_id)
        if _is_in(terms):
            return None
        _check(terms)
    try:
        entered = await tx.fetch_one(_ENTER, user_id=actor.user_id, course_id=course_id, source=source)
    except ForeignKeyViolationError:
        raise AccountGone from None
    if entered is None:
        return None
    waits = entered["state"] == EnrollmentState.WAITLISTED
    kind = EnrollmentEventKind.WAITLISTED if waits else EnrollmentEventKind.ENROLLED
    happened = Happened(kind, actor.user_id, course_id, entered["generation"], entered["created_at"], source)
    await record_events(tx, notifier.outbox, [happened])
    count_after(tx, notifier.metrics.enrollments.labels(kind.value))
    if entered["generation"] > 1 and await complete_courses(
        tx, notifier.outbox, user_ids=[actor.user_id], course_ids=[course_id]
    ):
        # Nothing of it is left that they had not done before.
        return EnrollmentState.COMPLETED
    return EnrollmentState(entered["state"])


async def _terms(tx: Transaction, actor: Actor, course_id: int) -> Record:
    terms = await reads.enrollment_terms(tx, course_id, actor)
    if terms is None:
        raise NotFound("course", "courseId")
    return terms


def _is_in(terms: Record) -> bool:
    return terms["state"] is not None and terms["state"] != EnrollmentState.WITHDRAWN


def _check(terms: Record) -> None:
    if terms["status"] != CourseStatus.PUBLISHED:
        raise InvalidState("Only a published course takes learners.", "courseId")
    if terms["too_late"]:
        raise EnrollmentClosed
    if not terms["invited"]:
        if terms["invitation_only"]:
            raise InvitationRequired
        if terms["too_early"]:
            raise EnrollmentNotOpen(terms["opens_at"])
    if terms["missing"]:
        raise PrerequisitesMissing(terms["id"], terms["missing"])


async def withdraw(tx: Transaction, notifier: Notifier, actor: Actor, *, course_id: int) -> None:
    """Takes the actor out of a course or its line; a free seat goes to the first who waits. Again changes nothing.

    What they have done stays. Raises NOT_FOUND, INVALID_STATE for who was never in it.
    """
    if actor.user_id is None:
        raise Forbidden
    if not await lock_seats(tx, course_id):
        raise NotFound("course", "courseId")
    gone = await tx.fetch_one(_LEAVE, user_id=actor.user_id, course_id=course_id)
    if gone is None:
        await _refuse_strangers(tx, actor, course_id)
        return
    happened = Happened(
        EnrollmentEventKind.WITHDRAWN, actor.user_id, course_id, gone["generation"], gone["withdrawn_at"]
    )
    await record_events(tx, notifier.outbox, [happened])
    count_after(tx, notifier.metrics.enrollments.labels(happened.kind.value))
    if gone["was"] != EnrollmentState.WAITLISTED:
        await promote(tx, notifier, course_id, at_most=1)


async def _refuse_strangers(tx: Transaction, actor: Actor, course_id: int) -> None:
    if await reads.enrollments_of_viewer(tx, [course_id], actor):
        return
    # A course that they may not see is none: raises NotFound.
    await _terms(tx, actor, course_id)
    raise NotEnrolled("courseId")
