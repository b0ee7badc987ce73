"""Cohorts: made, named, dissolved, and who is in them. Each change holds the course's lock, one writer at a time."""

from collections.abc import Sequence

from asyncpg import Record

from app.catalog.service.editing import course_to_edit
from app.database import Query, Transaction
from app.errors import DomainError
from app.identity.actor import Actor
from app.learning import reads
from app.learning.errors import LimitReached, NameTaken, NotFound
from app.validation import checked_text

NAME_LIMIT = 100
COHORT_LIMIT = 100
"""Of a course: `Course.cohorts` is no connection."""
MEMBERS_AT_ONCE = 100

_COUNT = Query("SELECT count(*) FROM cohorts WHERE course_id = $1", ("course_id",), {})
_INSERT = Query(
    "INSERT INTO cohorts (course_id, name) VALUES ($1, $2) ON CONFLICT (course_id, name) DO NOTHING RETURNING id",
    ("course_id", "name"),
    {},
)
_RENAME = Query(
    "UPDATE cohorts SET name = $2 WHERE id = $1 AND NOT EXISTS (SELECT FROM cohorts o"
    " WHERE o.course_id = cohorts.course_id AND o.name = $2 AND o.id <> $1) RETURNING id",
    ("cohort_id", "name"),
    {},
)
# Before the cohort itself goes, so that whoever takes one of them never waits for us while we wait for them.
_RELEASE_INVITATIONS = Query(
    "UPDATE invitations SET cohort_id = NULL WHERE cohort_id = $1", ("cohort_id",), {}
)
_DELETE = Query("DELETE FROM cohorts WHERE id = $1", ("cohort_id",), {})
_ENROLLED = Query(
    "SELECT user_id FROM enrollments WHERE course_id = $1 AND user_id = ANY($2::bigint[])",
    ("course_id", "user_ids"),
    {},
)
_ADD = Query(
    "INSERT INTO cohort_members (cohort_id, user_id) SELECT $1, t.id FROM unnest($2::bigint[]) AS t (id)"
    " ORDER BY t.id ON CONFLICT DO NOTHING",
    ("cohort_id", "user_ids"),
    {},
)
_REMOVE = Query(
    "DELETE FROM cohort_members WHERE cohort_id = $1 AND user_id = ANY($2::bigint[])",
    ("cohort_id", "user_ids"),
    {},
)


def checked_cohort_name(name: str, *path: str) -> str:
    """Raises INVALID_INPUT at `path`."""
    return checked_text(name, *path, minimum=1, maximum=NAME_LIMIT)


async def create_cohort(tx: Transaction, actor: Actor, *, course_id: int, name: str) -> int:
    """Returns its id. Raises CONFLICT for a name that the course has already, LIMIT_REACHED, as `course_to_edit` else."""
    name = checked_cohort_name(name, "input", "name")
    await course_to_edit(tx, actor, course_id, "courseId")
    return await add_cohort(tx, course_id, name)


async def add_cohort(tx: Transaction, course_id: int, name: str) -> int:
    """For whoever holds the course's lock, with a checked name. Returns its id. Raises CONFLICT, LIMIT_REACHED."""
    counted = await tx.fetch_one(_COUNT, course_id=course_id)
    if counted is not None and counted[0] >= COHORT_LIMIT:
        raise LimitReached(f"A course has at most {COHORT_LIMIT} cohorts.", "courseId")
    made = await tx.fetch_one(_INSERT, course_id=course_id, name=name)
    if made is None:
        raise NameTaken
    return int(made["id"])


async def rename_cohort(tx: Transaction, actor: Actor, *, cohort_id: int, name: str) -> None:
    """Raises CONFLICT for a name that the course has already."""
    name = checked_cohort_name(name, "input", "name")
    await cohort_to_edit(tx, actor, cohort_id)
    if await tx.fetch_one(_RENAME, cohort_id=cohort_id, name=name) is None:
        raise NameTaken


async def remove_cohort(tx: Transaction, actor: Actor, *, cohort_id: int) -> int:
    """Its members stay enrolled, invitations into it stay without it. Returns its course's id."""
    cohort = await cohort_to_edit(tx, actor, cohort_id)
    await tx.fetch(_RELEASE_INVITATIONS, cohort_id=cohort_id)
    await tx.fetch(_DELETE, cohort_id=cohort_id)
    return int(cohort["course_id"])


async def add_cohort_members(
    tx: Transaction, actor: Actor, *, cohort_id: int, user_ids: Sequence[int]
) -> None:
    """Lets 1 to 100 people in who are, or were, enrolled in the course; those who are in stay.

    Raises NOT_FOUND at the first who never was: the same whether or not there is such an account.
    """
    _check_size(user_ids)
    cohort = await cohort_to_edit(tx, actor, cohort_id)
    enrolled = {
        row["user_id"] for row in await tx.fetch(_ENROLLED, course_id=cohort["course_id"], user_ids=user_ids)
    }
    for place, user_id in enumerate(user_ids):
        if user_id not in enrolled:
            raise NotFound("learner of this course", "userIds", str(place))
    await tx.fetch(_ADD, cohort_id=cohort_id, user_ids=user_ids)


async def remove_cohort_members(
    tx: Transaction, actor: Actor, *, cohort_id: int, user_ids: Sequence[int]
) -> None:
    """Takes 1 to 100 people out, whoever of them is in; their enrolments stay."""
    _check_size(user_ids)
    await cohort_to_edit(tx, actor, cohort_id)
    await tx.fetch(_REMOVE, cohort_id=cohort_id, user_ids=user_ids)


async def cohort_to_edit(tx: Transaction, actor: Actor, cohort_id: int) -> Record:
    """The cohort as it is once its course is locked. Raises NOT_FOUND for whoever does not manage the course."""
    cohort = await _cohort(tx, actor, cohort_id)
    await course_to_edit(tx, actor, cohort["course_id"], "cohortId", what="cohort")
    # Read again: it may have gone while we waited for the lock.
    return await _cohort(tx, actor, cohort_id)


async def _cohort(tx: Transaction, actor: Actor, cohort_id: int) -> Record:
    cohorts = await reads.cohorts_by_id(tx, [cohort_id], actor)
    if not cohorts:
        raise NotFound("cohort", "cohortId")
    return cohorts[0]


def _check_size(user_ids: Sequence[int]) -> None:
    if not 1 <= len(user_ids) <= MEMBERS_AT_ONCE:
        raise DomainError(f"Between 1 and {MEMBERS_AT_ONCE} people.", path=("input", "userIds"))
