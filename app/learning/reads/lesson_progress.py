"""Where people are with lessons, and which comes next. Of videos, what was watched is a read of its own."""

from collections.abc import Sequence

from asyncpg import Record
from sqlalchemy import BigInteger, literal_column, text

from app.catalog.models import Lesson
from app.catalog.reads import lesson_rows
from app.database import Fetch, Query, compiled
from app.identity.actor import Actor
from app.learning.reads.enrollments import ENROLLMENT_COLUMNS
from app.learning.reads.managing import manager_values

# Of whoever has, or had, an enrolment: nobody else has progress. `LIMIT 1` keeps each a look-up in its own partition.
_STANDINGS = Query(
    """
SELECT ROW(k.user_id, k.lesson_id) AS pair, k.user_id, k.lesson_id, l.course_id, l.kind, l.required_share,
       v.id AS video_id, v.duration_ms, e.state, p.opened_at, p.marked_at, p.completed_at
FROM unnest($1::bigint[], $2::bigint[]) AS k (user_id, lesson_id)
JOIN lessons l ON l.id = k.lesson_id
JOIN courses c ON c.id = l.course_id
LEFT JOIN video_metadata v ON v.lesson_id = l.id
CROSS JOIN LATERAL (
    SELECT e.state FROM enrollments e WHERE e.user_id = k.user_id AND e.course_id = l.course_id LIMIT 1) AS e
LEFT JOIN LATERAL (
    SELECT * FROM lesson_progress p WHERE p.user_id = k.user_id AND p.lesson_id = k.lesson_id LIMIT 1) AS p ON true
WHERE $4 OR EXISTS (SELECT FROM course_instructors i WHERE i.course_id = l.course_id AND i.user_id = $5)
   OR (k.user_id = $3 AND c.status <> 'draft')
""",
    ("user_ids", "lesson_ids", "viewer", "sees_all", "teacher"),
    {},
)


async def lesson_standings(connection: Fetch, keys: Sequence[tuple[int, int]], actor: Actor) -> list[Record]:
    """Of (user, lesson) those that the actor may see: their own, and those of courses that they manage.

    Rows have `pair`, the key; the lesson's kind, required_share and duration_ms; the enrolment's state; and when it was
    opened, marked done and completed.
    """
    if not actor.signed_in:
        return []
    return await connection.fetch(
        _STANDINGS,
        user_ids=[user for user, _ in keys],
        lesson_ids=[lesson for _, lesson in keys],
        viewer=actor.user_id,
        **manager_values(actor),
    )


async def standings_of_viewer(connection: Fetch, keys: Sequence[int], actor: Actor) -> list[Record]:
    """The same of the actor's own, by lesson."""
    if actor.user_id is None:
        return []
    return await lesson_standings(connection, [(actor.user_id, lesson) for lesson in keys], actor)


_DONE = (
    "EXISTS (SELECT FROM lesson_progress p WHERE p.user_id = k.user_id AND p.lesson_id = l.id"
    " AND p.completed_at IS NOT NULL)"
)
_chosen = (
    text(f"""
    SELECT k.user_id, k.course_id, coalesce(
        (SELECT l.id FROM lessons l WHERE l.id = e.last_lesson_id AND l.course_id = k.course_id AND NOT {_DONE}),
        (SELECT l.id FROM modules m JOIN lessons l ON l.module_id = m.id
         WHERE m.course_id = k.course_id AND NOT {_DONE} ORDER BY m.position, l.position LIMIT 1)
    ) AS lesson_id
    FROM unnest(CAST(:user_ids AS bigint[]), CAST(:course_ids AS bigint[])) AS k (user_id, course_id)
    CROSS JOIN LATERAL (
        SELECT e.last_lesson_id FROM enrollments e WHERE e.user_id = k.user_id AND e.course_id = k.course_id LIMIT 1) AS e
    """)  # noqa: S608
    .columns(user_id=BigInteger, course_id=BigInteger, lesson_id=BigInteger)
    .subquery("chosen")
)
_NEXT = compiled(
    lesson_rows()
    .add_columns(literal_column("ROW(chosen.user_id, chosen.course_id)").label("pair"))
    .join(_chosen, _chosen.c.lesson_id == Lesson.id)
)


async def next_lessons(connection: Fetch, keys: Sequence[tuple[int, int]]) -> list[Record]:
    """Of (user, course), enrolments that the actor may see: the lesson they were last in unless it is done, else the first
    that is not. As rows of lessons, with `pair`; none where all are done.
    """
    return await connection.fetch(
        _NEXT, user_ids=[user for user, _ in keys], course_ids=[course for _, course in keys]
    )


# Who never did anything began when they enrolled. A person has few enrolments: they are sorted, not walked by an index.
_TO_CONTINUE = Query(
    f"SELECT {ENROLLMENT_COLUMNS} FROM enrollments e JOIN course_stats s ON s.course_id = e.course_id"  # noqa: S608
    " JOIN courses c ON c.id = e.course_id WHERE e.user_id = $1 AND e.state = 'active' AND c.status <> 'draft'"
    " ORDER BY coalesce(e.last_active_at, e.enrolled_at, e.created_at) DESC, e.course_id DESC LIMIT $2::int",
    ("user_id", "first"),
    {},
)


async def enrollments_to_continue(connection: Fetch, user_id: int, first: int) -> list[Record]:
    """A person's active enrolments, those they were last busy with first."""
    return await connection.fetch(_TO_CONTINUE, user_id=user_id, first=first)
