"""Which courses are to be completed before another."""

from collections.abc import Sequence

from app.catalog import reads as catalog
from app.catalog.service.editing import course_to_edit
from app.database import Query, Transaction
from app.errors import DomainError
from app.identity.actor import Actor
from app.learning.errors import LimitReached, NotFound

PREREQUISITE_LIMIT = 20
_PATH = "requiredCourseIds"

# A number of its own: whoever waits for it holds a course. Two that change the prerequisites of different courses could
# close a circle together: one of them waits, which is rare and short.
_LOCK = Query("SELECT pg_advisory_xact_lock(7305811943)", (), {})
# UNION and not UNION ALL: each course is looked at once, however many ways lead to it.
_CIRCLE = Query(
    "WITH RECURSIVE needed AS (SELECT unnest($2::bigint[]) AS id"
    " UNION SELECT q.required_course_id FROM needed JOIN course_prerequisites q ON q.course_id = needed.id)"
    " SELECT id FROM needed WHERE id = $1",
    ("course_id", "required"),
    {},
)
_DELETE = Query(
    "DELETE FROM course_prerequisites WHERE course_id = $1 AND required_course_id <> ALL($2::bigint[])",
    ("course_id", "required"),
    {},
)
_INSERT = Query(
    "INSERT INTO course_prerequisites (course_id, required_course_id) SELECT $1, unnest($2::bigint[])"
    " ON CONFLICT DO NOTHING",
    ("course_id", "required"),
    {},
)


async def set_course_prerequisites(
    tx: Transaction, actor: Actor, *, course_id: int, required_course_ids: Sequence[int]
) -> None:
    """These and no others, at most 20. Who is enrolled stays so. Raises NOT_FOUND, LIMIT_REACHED, INVALID_INPUT for a
    circle, and as `course_to_edit`.
    """
    required = sorted(set(required_course_ids))
    if len(required) > PREREQUISITE_LIMIT:
        raise LimitReached(f"A course has at most {PREREQUISITE_LIMIT} prerequisites.", _PATH)
    await course_to_edit(tx, actor, course_id, "courseId")
    if len(await catalog.courses_by_id(tx, required, actor)) < len(required):
        raise NotFound("course", _PATH)
    await tx.fetch(_LOCK)
    if await tx.fetch(_CIRCLE, course_id=course_id, required=required):
        raise DomainError("A course cannot be needed for itself.", path=("input", _PATH))
    await tx.fetch(_DELETE, course_id=course_id, required=required)
    await tx.fetch(_INSERT, course_id=course_id, required=required)
