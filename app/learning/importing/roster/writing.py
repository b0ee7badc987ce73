"""One chunk of a roster in one transaction: what is as the file says is found in a few statements and left alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from asyncpg import Record

from app.catalog import reads as catalog
from app.catalog.models import CourseStatus
from app.catalog.service import add_course_instructor
from app.catalog.service.editing import course_to_edit, lock_courses
from app.database import Query, Transaction
from app.errors import DomainError
from app.identity import reads as identity
from app.identity.actor import Actor
from app.identity.models import Role
from app.learning.importing.roster.rows import RosterRole, RosterRow
from app.learning.models import EnrollmentState
from app.learning.service.cohorts import add_cohort
from app.learning.service.enrollments import enroll
from app.learning.service.invitations import Invited, invite
from app.learning.service.seats import lock_seats_of
from app.notifications.service import Notifier, lock_recipients

SOURCE = "roster"
OPERATOR = Actor(role=Role.ADMIN)
"""Whoever runs the command is known to the machine alone."""
# Rosters take turns chunk by chunk: two of them invite the same people, in whatever order their files have. A number that
# nobody else locks by: whoever waits for a turn holds nothing yet.
_TURN = Query("SELECT pg_advisory_xact_lock(7305811944)", (), {})
_ENROLLED = Query(
    "SELECT user_id, course_id, state FROM enrollments WHERE user_id = ANY($1::bigint[])"
    " AND course_id = ANY($2::bigint[])",
    ("user_ids", "course_ids"),
    {},
)
_TEACHING = Query(
    "SELECT user_id, course_id FROM course_instructors WHERE user_id = ANY($1::bigint[])"
    " AND course_id = ANY($2::bigint[])",
    ("user_ids", "course_ids"),
    {},
)
_COHORTS = Query(
    "SELECT id, course_id, name FROM cohorts WHERE course_id = ANY($1::bigint[])", ("course_ids",), {}
)
_INVITED = Query(
    "SELECT course_id, email_key, cohort_id, name FROM invitations WHERE email_key = ANY($1::text[])"
    " AND course_id = ANY($2::bigint[]) AND expires_at > now()",
    ("keys", "course_ids"),
    {},
)
_JOIN = Query(
    "INSERT INTO cohort_members (cohort_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING user_id",
    ("cohort_id", "user_id"),
    {},
)


@dataclass(slots=True)
class ChunkDone:
    """What became of a chunk's rows; also the sums of a whole file."""

    enrolled: int = 0
    waitlisted: int = 0
    invited: int = 0
    joined: int = 0
    """Enrolled before, and in their cohort now."""
    teaching: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is there, for the addresses and courses of a chunk."""

    courses: dict[str, Record]
    accounts: dict[str, Record]
    enrolled: dict[tuple[int, int], str]
    teaching: set[tuple[int, int]]
    invited: dict[tuple[int, str], tuple[int | None, str | None]]
    cohorts: dict[tuple[int, str], int]


class Registrar:
    """Carries out the chunks of one roster, by the rules that hold for everybody: but who is on a roster is invited."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    async def carry_out(self, tx: Transaction, rows: Sequence[RosterRow], *, mail: bool) -> ChunkDone:
        """No address and course may come twice. Rows that are refused have written nothing."""
        await tx.fetch(_TURN)
        await _lock_courses(tx, rows)
        known, done = await _known(tx, rows), ChunkDone()
        # Who is told of something comes last, as everywhere, and all of them are locked before the first hears of it.
        teachers = [row for row in rows if row.role is RosterRole.INSTRUCTOR]
        for row in rows:
            if row.role is not RosterRole.INSTRUCTOR:
                await self._try(tx, row, known, done, mail=mail)
        await lock_recipients(tx, _who_may_be_told(teachers, known))
        for row in teachers:
            await self._try(tx, row, known, done, mail=mail)
        done.refused.sort()
        return done

    async def _try(
        self, tx: Transaction, row: RosterRow, known: _Known, done: ChunkDone, *, mail: bool
    ) -> None:
        # What a rule refuses after something was written takes that with it, and nothing else.
        await tx.fetch_text("SAVEPOINT roster_row")
        cohorts = len(known.cohorts)
        try:
            outcome = await self._row(tx, row, known, mail=mail)
        except DomainError as error:
            await tx.fetch_text("ROLLBACK TO SAVEPOINT roster_row")
            while len(known.cohorts) > cohorts:
                known.cohorts.popitem()
            done.refused.append((row.line, error.message))
        else:
            setattr(done, outcome, getattr(done, outcome) + 1)

    async def _row(self, tx: Transaction, row: RosterRow, known: _Known, *, mail: bool) -> str:
        course = known.courses.get(row.slug)
        if course is None:
            raise DomainError(f'There is no course "{row.slug}".')
        if course["status"] == CourseStatus.ARCHIVED:
            raise DomainError(f'The course "{row.slug}" is archived.')
        account = known.accounts.get(row.key)
        if row.role is RosterRole.INSTRUCTOR:
            return await self._instructor(tx, course, account, known)
        if course["status"] != CourseStatus.PUBLISHED:
            raise DomainError(f'The course "{row.slug}" is not published.')
        return await self._learner(tx, row, course, account, known, mail=mail)

    async def _instructor(
        self, tx: Transaction, course: Record, account: Record | None, known: _Known
    ) -> str:
        if account is None:
            raise DomainError("No account has proved this address; who teaches needs one that may.")
        if (account["id"], course["id"]) in known.teaching:
            return "unchanged"
        await add_course_instructor(
            tx, self._notifier, OPERATOR, course_id=course["id"], user_id=account["id"]
        )
        return "teaching"

    async def _learner(
        self,
        tx: Transaction,
        row: RosterRow,
        course: Record,
        account: Record | None,
        known: _Known,
        *,
        mail: bool,
    ) -> str:
        state = None if account is None else known.enrolled.get((account["id"], course["id"]))
        if state == EnrollmentState.WITHDRAWN:
            raise DomainError("They have withdrawn from the course: only they themselves enrol again.")
        cohort = None if row.cohort is None else await _cohort(tx, course["id"], row.cohort, known)
        if account is not None and state is not None:
            joined = cohort is not None and await tx.fetch(_JOIN, cohort_id=cohort, user_id=account["id"])
            return "joined" if joined else "unchanged"
        there = known.invited.get((course["id"], row.key))
        as_wanted = there is not None and cohort in {None, there[0]} and row.name in {None, there[1]}
        if account is None and as_wanted:
            return "unchanged"
        if not as_wanted:
            await invite(
                tx,
                self._notifier.outbox,
                self._notifier.metrics,
                course_id=course["id"],
                invited=[Invited(row.email, row.key, cohort, row.name)],
                invited_by=course["instructor_id"],
                mail=mail and account is None,
            )
        if account is None:
            return "invited"
        learner = Actor(account["id"], Role(account["role"]))
        entered = await enroll(tx, self._notifier, learner, course_id=course["id"], source=SOURCE)
        return "waitlisted" if entered == EnrollmentState.WAITLISTED else "enrolled"


async def _lock_courses(tx: Transaction, rows: Sequence[RosterRow]) -> None:
    """All that the rows may change, before the first does: their own order is not that of others."""
    course_ids = [row["id"] for row in await catalog.courses_of_slugs(tx, [row.slug for row in rows])]
    await lock_courses(tx, course_ids)
    await lock_seats_of(tx, course_ids)


def _who_may_be_told(teachers: Sequence[RosterRow], known: _Known) -> list[int]:
    joining = [
        (known.accounts[row.key], known.courses[row.slug]["id"])
        for row in teachers
        if row.key in known.accounts and row.slug in known.courses
    ]
    return [
        account["id"]
        for account, course_id in joining
        if account["role"] != Role.STUDENT and (account["id"], course_id) not in known.teaching
    ]


async def _known(tx: Transaction, rows: Sequence[RosterRow]) -> _Known:
    keys = [row.key for row in rows]
    courses = {row["slug"]: row for row in await catalog.courses_of_slugs(tx, [row.slug for row in rows])}
    accounts = {row["email_key"]: row for row in await identity.owners_of_addresses(tx, keys)}
    those: dict[str, Any] = {
        "user_ids": [row["id"] for row in accounts.values()],
        "course_ids": [row["id"] for row in courses.values()],
    }
    course_ids = those["course_ids"]
    enrolled = await tx.fetch(_ENROLLED, **those)
    teaching = await tx.fetch(_TEACHING, **those)
    invited = await tx.fetch(_INVITED, keys=keys, course_ids=course_ids)
    cohorts = await tx.fetch(_COHORTS, course_ids=course_ids)
    return _Known(
        courses,
        accounts,
        {(row["user_id"], row["course_id"]): row["state"] for row in enrolled},
        {(row["user_id"], row["course_id"]) for row in teaching},
        {(row["course_id"], row["email_key"]): (row["cohort_id"], row["name"]) for row in invited},
        {(row["course_id"], row["name"]): row["id"] for row in cohorts},
    )


async def _cohort(tx: Transaction, course_id: int, name: str, known: _Known) -> int:
    """Made where the course has none of that name."""
    key = (course_id, name)
    if key not in known.cohorts:
        await course_to_edit(tx, OPERATOR, course_id)
        known.cohorts[key] = await add_cohort(tx, course_id, name)
    return known.cohorts[key]
