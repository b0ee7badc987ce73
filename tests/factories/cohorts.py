"""Cohorts and invitations for tests."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.database import Database
from app.identity.actor import Actor
from app.learning import service
from app.resources import Resources
from tests.factories.catalog import run


async def make_cohort(database: Database, actor: Actor, course: int, name: str = "Evening") -> int:
    async with database.transaction() as tx:
        return await service.create_cohort(tx, actor, course_id=course, name=name)


async def enrol_rows(database: Database, course: int, users: Sequence[int], *, state: str = "active") -> None:
    """Rows alone, for what only asks whether there is one."""
    await run(
        database,
        "INSERT INTO enrollments (user_id, course_id, state, enrolled_at, completed_at, waitlist_number)"
        " SELECT id, $1, $3, now(), CASE $3 WHEN 'completed' THEN now() END, CASE $3 WHEN 'waitlisted' THEN id END"
        " FROM unnest($2::bigint[]) AS t (id)",
        course,
        list(users),
        state,
    )


async def members(database: Database, cohort: int) -> list[int]:
    rows = await run(
        database, "SELECT user_id FROM cohort_members WHERE cohort_id = $1 ORDER BY user_id", cohort
    )
    return [row["user_id"] for row in rows]


async def invite(resources: Resources, actor: Actor, course: int, *emails: str, **details: Any) -> list[UUID]:
    """As an instructor does. Returns ids of the invitations, in the order of the addresses' keys."""
    async with resources.database.transaction() as tx:
        rows = await service.invite_learners(
            tx,
            resources.outbox,
            resources.metrics,
            actor,
            course_id=course,
            emails=emails,
            **details,
        )
    return [row["id"] for row in rows]


async def invitations(database: Database, course: int) -> list[tuple[Any, ...]]:
    """(address, cohort) of all of a course, in the order of their keys."""
    rows = await run(
        database, "SELECT email, cohort_id FROM invitations WHERE course_id = $1 ORDER BY email_key", course
    )
    return [tuple(row) for row in rows]


async def let_a_day_pass(database: Database) -> None:
    """For the pause between two mails, and the hour's allowance."""
    await run(database, "UPDATE invitation_mails SET mailed_at = mailed_at - interval '25 hours'")
    await run(database, "UPDATE invitation_allowances SET hour_began = hour_began - interval '25 hours'")


async def let_a_month_pass(database: Database) -> None:
    """Invitations have expired."""
    await let_a_day_pass(database)
    await run(database, "UPDATE invitations SET expires_at = expires_at - interval '31 days'")
