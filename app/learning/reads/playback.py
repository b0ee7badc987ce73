"""Who may watch which video, and where its files lie."""

from collections.abc import Sequence

from asyncpg import Record

from app.database import Fetch, Query
from app.identity.actor import Actor
from app.learning.reads.managing import manager_values

# The same people as for what is in a lesson (access.py). One statement: who may watch has to be asked for each viewer
# anyway, and the few words about the video come with that.
_PLAYABLE = Query(
    """
SELECT video.id, video.course_id, video.manifest_key, video.captions,
       CASE WHEN video.manages THEN 'teachers' WHEN video.learns THEN 'learners' ELSE 'everybody' END AS audience
FROM (
    SELECT v.id, l.course_id, v.manifest_key, v.captions, c.status, l.is_preview,
           $2 OR EXISTS (
               SELECT FROM course_instructors i WHERE i.course_id = l.course_id AND i.user_id = $3) AS manages,
           c.status <> 'draft' AND EXISTS (
               SELECT FROM enrollments e WHERE e.user_id = $4 AND e.course_id = l.course_id
               AND e.state IN ('active', 'completed')) AS learns
    FROM video_metadata v JOIN lessons l ON l.id = v.lesson_id JOIN courses c ON c.id = l.course_id
    WHERE v.id = ANY($1::bigint[]) AND v.manifest_key IS NOT NULL
) AS video
WHERE video.manages OR video.learns OR (video.is_preview AND video.status <> 'draft')
""",
    ("keys", "sees_all", "teacher", "viewer"),
    {},
)


async def playable_videos(connection: Fetch, keys: Sequence[int], actor: Actor) -> list[Record]:
    """Those of the videos that have files and that the actor may watch: (id, course_id, manifest_key, captions, audience).

    `audience` is the class of viewers that they are in: teachers (administrators too), learners, everybody.
    """
    # No user has the id 0.
    return await connection.fetch(_PLAYABLE, keys=keys, viewer=actor.user_id or 0, **manager_values(actor))
