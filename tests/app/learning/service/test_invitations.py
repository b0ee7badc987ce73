"""Invitations are taken once, by whoever has proved the address, before they end."""

import asyncio
from typing import Any

import pytest

from app.database import Database
from app.learning.service import take_invitation
from app.resources import Resources
from graphql_schema.node import global_id
from tests.factories.catalog import MadeCourse, Staff, make_course_of, make_staff
from tests.factories.identity import make_user
from tests.factories.learning import (
    enrolled,
    invitations,
    invite,
    let_a_month_pass,
    make_cohort,
    members,
    policy,
)
from tests.support.api import Api


@pytest.fixture
async def staff(database: Database) -> Staff:
    return await make_staff(database)


@pytest.fixture
async def course(database: Database, staff: Staff) -> MadeCourse:
    return await make_course_of(database, staff)


async def test_enrolling_takes_the_invitation_and_leads_into_its_cohort(
    resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    database = resources.database
    cohort = await make_cohort(database, staff.lead.actor, course.number)
    await policy(resources, staff.lead, course, invitation_only=True)
    await invite(resources, staff.lead.actor, course.number, staff.student.email, cohort_id=cohort)
    await enrolled(resources, staff.student, course)
    assert await members(database, cohort) == [staff.student.number]
    assert await invitations(database, course.number) == []


async def test_an_invitation_is_taken_once_and_leads_into_its_cohort(
    crowd: Resources, resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    database = resources.database
    cohort = await make_cohort(database, staff.lead.actor, course.number)
    claimant = await make_user(database, email=staff.student.email, verified=False)
    (made,) = await invite(resources, staff.lead.actor, course.number, staff.student.email, cohort_id=cohort)
    taken_before = resources.metrics.invitations.labels("taken")._value.get()

    async def take(user_id: int, course_id: int) -> Any:
        async with crowd.database.transaction() as tx:
            return await take_invitation(tx, user_id, course_id, resources.metrics)

    other = await make_course_of(database, staff)
    for user, of in (
        (claimant.number, course.number),
        (staff.stranger.number, course.number),
        (staff.student.number, other.number),
    ):
        assert await take(user, of) is None
    found = await asyncio.gather(*(take(staff.student.number, course.number) for _ in range(5)))
    (row,) = [row for row in found if row is not None]
    assert tuple(row) == (made, course.number, cohort, staff.lead.number)
    assert await members(database, cohort) == [staff.student.number]
    assert await invitations(database, course.number) == []
    assert resources.metrics.invitations.labels("taken")._value.get() == taken_before + 1


async def test_an_expired_invitation_is_taken_by_nobody_until_it_is_renewed(
    resources: Resources, staff: Staff, course: MadeCourse
) -> None:
    database = resources.database
    (made,) = await invite(resources, staff.lead.actor, course.number, staff.student.email)
    await let_a_month_pass(database)
    async with database.transaction() as tx:
        assert await take_invitation(tx, staff.student.number, course.number, resources.metrics) is None
    assert await invite(resources, staff.lead.actor, course.number, staff.student.email) == [made]
    async with database.transaction() as tx:
        assert await take_invitation(tx, staff.student.number, course.number, resources.metrics) is not None


async def test_taking_an_invitation_while_its_cohort_goes(
    crowd: Resources, crowd_api: Api, staff: Staff, course: MadeCourse
) -> None:
    """Neither fails, whoever comes first."""
    database = crowd.database
    for _ in range(5):
        cohort = await make_cohort(database, staff.lead.actor, course.number)
        await invite(crowd, staff.lead.actor, course.number, staff.student.email, cohort_id=cohort)

        async def take() -> Any:
            async with database.transaction() as tx:
                return await take_invitation(tx, staff.student.number, course.number, crowd.metrics)

        taken, payload = await asyncio.gather(
            take(),
            crowd_api.change("removeCohort", staff.lead.actor, cohortId=global_id("Cohort", cohort)),
        )
        assert taken is not None
        assert payload["userErrors"] == []
        assert await members(database, cohort) == []
