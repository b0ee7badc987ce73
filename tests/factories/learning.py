"""Enrolments, cohorts and invitations for tests, made through the services, as users make them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.database import Database
from app.identity.actor import Actor
from app.learning import service
from app.resources import Resources
from graphql_schema.node import global_id
from tests.factories.catalog import MadeCourse, run
from tests.factories.identity import MadeUser


async def enrolled(resources: Resources, user: MadeUser, course: MadeCourse) -> str:
    """The id of the enrolment: a seat, or a place in the line."""
    async with resources.database.transaction() as tx:
        await service.enroll(tx, resources.notifier, user.actor, course_id=course.number)
    return enrollment_id(user, course)


async def withdrawn(resources: Resources, user: MadeUser, course: MadeCourse) -> str:
    async with resources.database.transaction() as tx:
        await service.withdraw(tx, resources.notifier, user.actor, course_id=course.number)
    return enrollment_id(user, course)


async def completed(database: Database, user: MadeUser, course: MadeCourse) -> None:
    """As if all lessons were done; for tests in which it does not matter how."""
    await run(
        database,
        "UPDATE enrollments e SET state = 'completed', completed_at = now(), lessons_completed = s.lesson_count"
        " FROM course_stats s WHERE s.course_id = e.course_id AND e.user_id = $1 AND e.course_id = $2",
        user.number,
        course.number,
    )


async def policy(resources: Resources, owner: MadeUser, course: MadeCourse, **changes: Any) -> None:
    """Sets rules for enrolling: capacity, opens_at, closes_at, invitation_only."""
    async with resources.database.transaction() as tx:
        await service.update_enrollment_policy(
            tx, resources.notifier, owner.actor, course_id=course.number, changes=changes
        )


def enrollment_id(user: MadeUser, course: MadeCourse) -> str:
    return global_id("Enrollment", (user.number, course.number))


async def rows_of(database: Database, course: MadeCourse) -> list[dict[str, Any]]:
    """All of a course, in the order of their moments."""
    rows = await run(
        database,
        "SELECT * FROM enrollments WHERE course_id = $1 ORDER BY created_at, user_id",
        course.number,
    )
    return [dict(row) for row in rows]


async def flaws(database: Database, course: MadeCourse) -> list[str]:
    """What does not agree in a course's seats: nothing, always."""
    (kept,) = await run(
        database,
        "SELECT s.enrollment_count, coalesce(p.waitlist_count, 0) AS waitlist_count, p.capacity FROM course_stats s"
        " LEFT JOIN enrollment_policies p ON p.course_id = s.course_id WHERE s.course_id = $1",
        course.number,
    )
    rows = await rows_of(database, course)
    seats = sum(row["state"] in ("active", "completed") for row in rows)
    waiting = [row["waitlist_number"] for row in rows if row["state"] == "waitlisted"]
    events = await run(
        database,
        "SELECT user_id, kind, generation FROM enrollment_events WHERE course_id = $1",
        course.number,
    )
    found = []
    if kept["enrollment_count"] != seats:
        found.append(f"{seats} seats are taken, counted are {kept['enrollment_count']}")
    if kept["waitlist_count"] != len(waiting) or len(set(waiting)) != len(waiting):
        found.append(f"{waiting} wait, counted are {kept['waitlist_count']}")
    if waiting and kept["capacity"] is not None and seats < kept["capacity"]:
        found.append("somebody waits where a seat is free")
    if len({tuple(event) for event in events}) != len(events):
        found.append("an event was written twice")
    latest = {(row["user_id"], row["generation"]): row["state"] for row in rows}
    told: dict[tuple[int, int], set[str]] = {
        (event["user_id"], event["generation"]): set() for event in events
    }
    for event in events:
        told[event["user_id"], event["generation"]].add(event["kind"])
    for key, state in latest.items():
        wanted = {"active": "enrolled"}.get(state, state)
        if wanted not in told.get(key, set()) and state != "completed":
            found.append(f"{key} is {state} and no event tells of it")
    return found


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
