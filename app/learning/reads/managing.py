"""Whose learners an actor may see: those of courses that they teach; administrators all."""

from collections.abc import Sequence
from typing import Any

from asyncpg import Record

from app.database import Fetch, Query
from app.identity.actor import Actor

_MANAGED = Query(
    "SELECT c.id AS course_id FROM courses c WHERE c.id = ANY($1::bigint[]) AND ($2 OR EXISTS ("
    "SELECT FROM course_instructors i WHERE i.course_id = c.id AND i.user_id = $3))",
    ("keys", "sees_all", "teacher"),
    {},
)


def manager_values(actor: Actor) -> dict[str, Any]:
    """Parameters of every read that is for those who manage a course. No user has the id 0."""
    return {"sees_all": actor.is_admin, "teacher": (actor.user_id or 0) if actor.may_teach else 0}


async def managed_courses(connection: Fetch, keys: Sequence[int], actor: Actor) -> list[Record]:
    """(course_id) of those of the courses whose learners the actor may see."""
    if not actor.may_teach:
        return []
    return await connection.fetch(_MANAGED, keys=keys, **manager_values(actor))
