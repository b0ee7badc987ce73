"""Uploads that no lesson names: noticed in the storage, waited for, given up, forgotten once their files are gone.

Naming and giving up pass under the course's lock, so that one of the two comes first: what was named stays, what was given
up is refused to who names it. The storage itself is never asked in a transaction.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from app.database import Query, Transaction

ENDING: Final = timedelta(days=1)
"""After that no link for uploading (an hour) is good any more, and what came by one was removed."""

# A video names files of its own course alone: see videos.py. The third part of a key is its upload's id.
_NAMED = """
named AS MATERIALIZED (
    SELECT DISTINCT l.course_id, split_part(file.key, '/', 3) AS upload
    FROM lessons l JOIN video_metadata v ON v.lesson_id = l.id
    CROSS JOIN LATERAL (
        SELECT v.manifest_key AS key UNION ALL
        SELECT caption ->> 'key' FROM jsonb_array_elements(
            CASE jsonb_typeof(v.captions) WHEN 'array' THEN v.captions ELSE '[]' END) AS caption) AS file
    WHERE l.course_id = ANY($1::bigint[]) AND file.key IS NOT NULL)
"""
_NOTE = Query(
    f"""
WITH {_NAMED}, found AS (
    SELECT f.course_id, f.upload_id, named.upload IS NOT NULL AS is_named
    FROM unnest($1::bigint[], $2::uuid[]) AS f (course_id, upload_id)
    LEFT JOIN named ON named.course_id = f.course_id AND named.upload = f.upload_id::text),
kept AS (
    DELETE FROM unnamed_uploads u USING found f
    WHERE f.is_named AND u.course_id = f.course_id AND u.upload_id = f.upload_id AND u.given_up_at IS NULL)
INSERT INTO unnamed_uploads (course_id, upload_id)
SELECT course_id, upload_id FROM found WHERE NOT is_named ORDER BY 1, 2
ON CONFLICT DO NOTHING RETURNING upload_id
""",  # noqa: S608 - made of constants of this module, as below
    ("courses", "uploads"),
    {},
)
_LOCK = Query("SELECT FROM courses WHERE id = $1 FOR NO KEY UPDATE", ("course_id",), {})
_GIVE_UP = Query(
    f"""
WITH {_NAMED}, kept AS (
    DELETE FROM unnamed_uploads u USING named
    WHERE u.course_id = ANY($1::bigint[]) AND u.upload_id = $2 AND u.given_up_at IS NULL
    AND named.upload = u.upload_id::text)
UPDATE unnamed_uploads u SET given_up_at = coalesce(u.given_up_at, now())
WHERE u.course_id = ANY($1::bigint[]) AND u.upload_id = $2
AND (u.given_up_at IS NOT NULL OR u.since < now() - $3::interval
     AND NOT EXISTS (SELECT FROM named WHERE named.upload = u.upload_id::text))
RETURNING u.upload_id
""",  # noqa: S608
    ("courses", "upload_id", "age"),
    {},
)
_FORGET = Query(
    "DELETE FROM unnamed_uploads WHERE course_id = $1 AND upload_id = $2 AND given_up_at < now() - $3::interval",
    ("course_id", "upload_id", "ending"),
    {},
)
_USE = Query(
    """
WITH used AS (
    DELETE FROM unnamed_uploads WHERE course_id = $1 AND upload_id = ANY($2::uuid[]) AND given_up_at IS NULL)
SELECT upload_id FROM unnamed_uploads
WHERE course_id = $1 AND upload_id = ANY($2::uuid[]) AND given_up_at IS NOT NULL
""",
    ("course_id", "uploads"),
    {},
)


async def use_uploads(tx: Transaction, course_id: int, uploads: Collection[UUID]) -> set[UUID]:
    """To be said, under the course's lock, of what is named or added to: it waits anew. Returns those given up."""
    return {row["upload_id"] for row in await tx.fetch(_USE, course_id=course_id, uploads=list(uploads))}


async def note_uploads(tx: Transaction, found: Sequence[tuple[int, UUID]]) -> int:
    """Takes note of those (course, upload) in the storage that nothing names, and forgets those that something does.
    Returns how many are new.
    """
    courses, uploads = [course for course, _ in found], [upload for _, upload in found]
    return len(await tx.fetch(_NOTE, courses=courses, uploads=uploads))


async def give_up_upload(tx: Transaction, course_id: int, upload_id: UUID, age: timedelta) -> bool:
    """Whether its files are to go: nothing names it, and it was noticed longer ago than `age`. Then, from the commit on,
    nobody can name it.
    """
    await tx.fetch(_LOCK, course_id=course_id)
    return bool(await tx.fetch(_GIVE_UP, courses=[course_id], upload_id=upload_id, age=age))


async def forget_upload(tx: Transaction, course_id: int, upload_id: UUID) -> None:
    """To be said when its files are gone: a day after it was given up nothing can have come since."""
    await tx.fetch(_FORGET, course_id=course_id, upload_id=upload_id, ending=ENDING)
