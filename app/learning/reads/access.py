"""Who may see what is in a lesson: its text, its link, its video. Outlines are public and stand in the catalogue."""

from collections.abc import Sequence

from asyncpg import Record

from app.database import Fetch, Query
from app.identity.actor import Actor
from app.learning.reads.managing import manager_values

# A draft does not exist for others than those who teach it, not even to its learners, nor its preview lessons.
_CONTENT = Query(
    """
SELECT l.id, l.course_id, l.kind, l.external_url, l.body_html, l.body_format, l.body_source
FROM lessons l JOIN courses c ON c.id = l.course_id
WHERE l.id = ANY($1::bigint[]) AND (
    $2
    OR EXISTS (SELECT FROM course_instructors i WHERE i.course_id = l.course_id AND i.user_id = $3)
    OR c.status <> 'draft' AND (l.is_preview OR EXISTS (
        SELECT FROM enrollments e
        WHERE e.user_id = $4 AND e.course_id = l.course_id AND e.state IN ('active', 'completed'))))
""",
    ("keys", "sees_all", "teacher", "viewer"),
    {},
)


async def lesson_content(connection: Fetch, keys: Sequence[int], actor: Actor) -> list[Record]:
    """What is in those of the lessons whose content the actor may see: nothing of the others.

    Preview lessons are anybody's; the others are for who is enrolled or has completed the course, who teaches it, and
    administrators.
    """
    # No user has the id 0.
    return await connection.fetch(_CONTENT, keys=keys, viewer=actor.user_id or 0, **manager_values(actor))
