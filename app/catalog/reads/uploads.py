"""Uploads that no lesson names: how many there are, and which have waited long enough."""

from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record

from app.database import Fetch, Query

COUNTED = 10_000
_SUMS = Query(
    "SELECT (SELECT count(*) FROM (SELECT FROM unnamed_uploads ORDER BY since LIMIT $1::int) AS counted) AS many,"
    " coalesce(extract(epoch FROM now() - (SELECT min(since) FROM unnamed_uploads)), 0)::float AS oldest_seconds",
    ("counted",),
    {},
)
_DUE = Query(
    "SELECT course_id, upload_id, since FROM unnamed_uploads"
    " WHERE since < now() - $1::interval AND (since, course_id, upload_id) > ($2::timestamptz, $3::bigint, $4::uuid)"
    " ORDER BY since, course_id, upload_id LIMIT $5::int",
    ("age", "after_since", "after_course", "after_upload", "first"),
    {},
)
_FIRST = (datetime.fromisoformat("1970-01-01T00:00:00Z"), 0, UUID(int=0))


async def unnamed_uploads(connection: Fetch) -> Record:
    """(many, oldest_seconds): up to 10,000 are counted."""
    return (await connection.fetch(_SUMS, counted=COUNTED))[0]


async def uploads_to_remove(
    connection: Fetch, age: timedelta, after: tuple[datetime, int, UUID] | None, first: int
) -> list[Record]:
    """Up to `first` of those that were found unnamed longer ago than `age`, behind `after` (since, course, upload)."""
    since, course, upload = after or _FIRST
    return await connection.fetch(
        _DUE, age=age, after_since=since, after_course=course, after_upload=upload, first=first
    )
