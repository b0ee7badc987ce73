"""Reviews of courses. A removed one is there for its author and administrators alone."""

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record

from app.database import Fetch, Query
from app.identity.actor import Actor

REVIEW_CURSOR: dict[str, type] = {"updated_at": datetime, "user_id": int}

_COLUMNS = (
    "r.course_id, r.user_id, r.rating, r.body, r.created_at, r.updated_at, r.removed_at, r.removal_reason,"
    " u.name AS author_name"
)
# Reviews of a draft are for its author, those who teach it, and administrators, as the course is.
_BY_PAIR = Query(
    f"SELECT ROW(r.course_id, r.user_id) AS pair, r.user_id = $3 AS is_viewers, {_COLUMNS}"  # noqa: S608
    " FROM unnest($1::bigint[], $2::bigint[]) AS k (course_id, user_id)"
    " CROSS JOIN LATERAL ("
    "SELECT * FROM course_reviews r WHERE r.course_id = k.course_id AND r.user_id = k.user_id LIMIT 1) AS r"
    " JOIN users u ON u.id = r.user_id JOIN courses c ON c.id = r.course_id"
    " WHERE $4 OR (r.removed_at IS NULL OR r.user_id = $3) AND (c.status <> 'draft' OR EXISTS ("
    "SELECT FROM course_instructors i WHERE i.course_id = r.course_id AND i.user_id = $3))",
    ("course_ids", "user_ids", "viewer", "sees_all"),
    {},
)
_OF_VIEWER = Query(
    f"SELECT true AS is_viewers, {_COLUMNS} FROM course_reviews r JOIN users u ON u.id = r.user_id"  # noqa: S608
    " WHERE r.course_id = ANY($1::bigint[]) AND r.user_id = $2",
    ("course_ids", "viewer"),
    {},
)
_PAGE = (
    f"SELECT r.user_id = $3 AS is_viewers, {_COLUMNS} FROM unnest($1::bigint[]) AS k (id) CROSS JOIN LATERAL ("  # noqa: S608
    "SELECT * FROM course_reviews r WHERE r.course_id = k.id AND r.removed_at IS NULL{behind}"
    " ORDER BY r.updated_at DESC, r.user_id DESC LIMIT $2::int) AS r JOIN users u ON u.id = r.user_id"
    " ORDER BY r.course_id, r.updated_at DESC, r.user_id DESC"
)
_OF_COURSES = Query(_PAGE.format(behind=""), ("keys", "first", "viewer"), {})
_OF_COURSES_BEHIND = Query(
    _PAGE.format(behind=" AND (r.updated_at, r.user_id) < ($4, $5)"),
    ("keys", "first", "viewer", *REVIEW_CURSOR),
    {},
)
_HISTOGRAMS = Query(
    "SELECT course_id, rating_histogram FROM course_stats WHERE course_id = ANY($1::bigint[])", ("keys",), {}
)


async def reviews_by_pair(connection: Fetch, keys: Sequence[tuple[int, int]], actor: Actor) -> list[Record]:
    """Of (course, user) those that the actor may see, with `pair`, the key, and whether it is the actor's own."""
    return await connection.fetch(
        _BY_PAIR,
        course_ids=[course for course, _ in keys],
        user_ids=[user for _, user in keys],
        viewer=actor.user_id or 0,
        sees_all=actor.is_admin,
    )


async def reviews_of_viewer(connection: Fetch, keys: Sequence[int], actor: Actor) -> list[Record]:
    """The actor's own of these courses, removed ones too."""
    if actor.user_id is None:
        return []
    return await connection.fetch(_OF_VIEWER, course_ids=keys, viewer=actor.user_id)


async def reviews_of_courses(
    connection: Fetch, keys: Sequence[int], actor: Actor, first: int, after: tuple[datetime, int] | None
) -> list[Record]:
    """Up to `first` of each course, which the actor may see, the latest first; `after` holds the values of REVIEW_CURSOR."""
    viewer = actor.user_id or 0
    if after is None:
        return await connection.fetch(_OF_COURSES, keys=keys, first=first, viewer=viewer)
    return await connection.fetch(
        _OF_COURSES_BEHIND, keys=keys, first=first, viewer=viewer, updated_at=after[0], user_id=after[1]
    )


async def rating_histograms(connection: Fetch, keys: Sequence[int]) -> list[Record]:
    """(course_id, rating_histogram): how many gave 1, 2, 3, 4, 5."""
    return await connection.fetch(_HISTOGRAMS, keys=keys)
