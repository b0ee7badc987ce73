"""Invitations: for those who manage the course, and for the account that has proved the address."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from app.database import Fetch, Query
from app.identity.actor import Actor
from app.learning.reads.managing import manager_values

INVITATION_CURSOR: dict[str, type] = {"id": UUID}
_BEGINNING = UUID(int=0)

INVITATION_COLUMNS = (
    "v.id, v.course_id, v.email, v.name, v.cohort_id, v.invited_by, v.message, v.created_at, v.expires_at"
)
_PROVED = (
    "u.email_key = v.email_key AND u.email_verified_at IS NOT NULL AND NOT EXISTS (SELECT FROM enrollments e"
    " WHERE e.user_id = u.id AND e.course_id = v.course_id AND e.state <> 'withdrawn')"
)

_BY_ID = Query(
    f"SELECT {INVITATION_COLUMNS} FROM invitations v WHERE v.id = ANY($1::uuid[]) AND v.expires_at > now() AND ($2"  # noqa: S608
    " OR EXISTS (SELECT FROM course_instructors i WHERE i.course_id = v.course_id AND i.user_id = $3)"
    f" OR EXISTS (SELECT FROM users u WHERE u.id = $4 AND {_PROVED}))",
    ("keys", "sees_all", "teacher", "viewer"),
    {},
)
_OF_COURSES = Query(
    f"SELECT page.* FROM unnest($1::bigint[]) AS k (id) CROSS JOIN LATERAL (SELECT {INVITATION_COLUMNS} FROM invitations v"  # noqa: S608
    " WHERE v.course_id = k.id AND v.id > $3 AND v.expires_at > now() ORDER BY v.id LIMIT $2::int) AS page"
    " ORDER BY page.course_id, page.id",
    ("keys", "first", "after"),
    {},
)
# Whether there is a draft behind it, or an archived course, is the course's own matter: nobody can enrol in those.
_OF_USERS = Query(
    f"SELECT page.* FROM unnest($1::bigint[]) AS k (id) CROSS JOIN LATERAL (SELECT u.id AS user_id, {INVITATION_COLUMNS}"  # noqa: S608
    " FROM users u JOIN invitations v ON v.email_key = u.email_key JOIN courses c ON c.id = v.course_id"
    f" WHERE u.id = k.id AND {_PROVED} AND v.expires_at > now() AND c.status = 'published'"
    " ORDER BY v.id DESC LIMIT $2::int) AS page",
    ("keys", "limit"),
    {"limit": 100},
)
_FOR_MAIL = Query(
    f"SELECT {INVITATION_COLUMNS}, c.title, c.slug, inviter.name AS inviter FROM invitations v"  # noqa: S608
    " JOIN courses c ON c.id = v.course_id JOIN users inviter ON inviter.id = v.invited_by"
    " WHERE v.course_id = $1 AND v.email_key = $2 AND v.expires_at > now() AND c.status = 'published'"
    " AND NOT EXISTS (SELECT FROM users u JOIN enrollments e ON e.user_id = u.id AND e.course_id = v.course_id"
    " WHERE u.email_key = v.email_key AND u.email_verified_at IS NOT NULL AND e.state <> 'withdrawn')",
    ("course_id", "email_key"),
    {},
)


async def invitations_by_id(connection: Fetch, keys: Sequence[UUID], actor: Actor) -> list[Record]:
    """Those that have not expired and that the actor may see: of courses that they manage, or to their proved address."""
    if not actor.signed_in:
        return []
    return await connection.fetch(_BY_ID, keys=keys, viewer=actor.user_id, **manager_values(actor))


async def invitations_of_courses(
    connection: Fetch, keys: Sequence[int], first: int, after: tuple[UUID] | None
) -> list[Record]:
    """Up to `first` of each course, the oldest first. For whoever manages the courses: ask `managed_courses` first."""
    return await connection.fetch(
        _OF_COURSES, keys=keys, first=first, after=_BEGINNING if after is None else after[0]
    )


async def invitations_of_users(connection: Fetch, keys: Sequence[int]) -> list[Record]:
    """The latest 100 to each account's proved address, with user_id: of courses that one could enrol in and has not."""
    return await connection.fetch(_OF_USERS, keys=keys)


async def invitation_for_mail(connection: Fetch, course_id: int, email_key: str) -> Record | None:
    """With title, slug and inviter; None where there is nothing to write: it is gone, or its owner has enrolled."""
    rows = await connection.fetch(_FOR_MAIL, course_id=course_id, email_key=email_key)
    return rows[0] if rows else None
