"""A roster's chunk changes many courses and tells many people: it locks them all first, in the order that others keep."""

from typing import Any

import pytest

from app.database import Transaction
from app.identity.models import Role
from app.learning import service
from app.learning.importing.roster import Registrar
from app.learning.importing.roster.rows import RosterRole, RosterRow
from app.notifications.service import notify
from app.resources import Resources
from tests.factories.catalog import MadeCourse, Staff, make_course_of, make_staff, run
from tests.factories.identity import MadeUser, make_user
from tests.factories.learning import flaws
from tests.factories.notifications import ADDED, wrong_counters
from tests.support.meeting import Action, meet


@pytest.fixture
async def staff(resources: Resources) -> Staff:
    return await make_staff(resources.database)


@pytest.fixture
async def course(resources: Resources, staff: Staff) -> MadeCourse:
    return await make_course_of(resources.database, staff, title="Bread")


def roster(crowd: Resources, course: MadeCourse, *people: tuple[MadeUser, RosterRole]) -> Action:
    rows = [
        RosterRow(
            line=line, email=user.email, key=user.email, slug="bread", role=role, cohort=None, name=None
        )
        for line, (user, role) in enumerate(people, 2)
    ]

    async def carry_out(tx: Transaction) -> Any:
        done = await Registrar(crowd.notifier).carry_out(tx, rows, mail=False)
        assert done.refused == []
        return done

    return carry_out


async def test_who_takes_up_an_invitation_meanwhile(
    crowd: Resources, staff: Staff, course: MadeCourse
) -> None:
    ann, ben = [await make_user(crowd.database) for _ in range(2)]
    await invite(crowd, staff, course, ben)
    _, done = await meet(
        crowd.database,
        lambda tx: service.enroll(tx, crowd.notifier, ben.actor, course_id=course.number),
        roster(crowd, course, (ann, RosterRole.LEARNER), (ben, RosterRole.LEARNER)),
        before="FROM course_stats",
    )
    assert done.enrolled == 2
    assert await flaws(crowd.database, course) == []


async def invite(crowd: Resources, staff: Staff, course: MadeCourse, user: MadeUser) -> None:
    async with crowd.database.transaction() as tx:
        await service.invite_learners(
            tx,
            crowd.outbox,
            crowd.metrics,
            staff.actor("lead"),
            course_id=course.number,
            emails=[user.email],
        )


async def test_who_changes_the_course_meanwhile(crowd: Resources, staff: Staff, course: MadeCourse) -> None:
    ann, tom = await make_user(crowd.database), await make_user(crowd.database, Role.INSTRUCTOR)

    async def more_seats(tx: Transaction) -> None:
        await service.update_enrollment_policy(
            tx, crowd.notifier, staff.actor("lead"), course_id=course.number, changes={"capacity": 10}
        )

    _, done = await meet(
        crowd.database,
        more_seats,
        roster(crowd, course, (ann, RosterRole.LEARNER), (tom, RosterRole.INSTRUCTOR)),
        before="FROM course_stats",
    )
    assert (done.enrolled, done.teaching) == (1, 1)
    assert await flaws(crowd.database, course) == []


async def test_who_sets_prerequisites_meanwhile(crowd: Resources, staff: Staff, course: MadeCourse) -> None:
    tom = await make_user(crowd.database, Role.INSTRUCTOR)

    async def no_prerequisites(tx: Transaction) -> None:
        await service.set_course_prerequisites(
            tx, staff.actor("lead"), course_id=course.number, required_course_ids=[]
        )

    _, done = await meet(
        crowd.database,
        no_prerequisites,
        roster(crowd, course, (tom, RosterRole.INSTRUCTOR)),
        before="pg_advisory_xact_lock",
    )
    assert done.teaching == 1


async def test_who_tells_the_same_people_meanwhile(crowd: Resources, course: MadeCourse) -> None:
    one, other = [await make_user(crowd.database, Role.INSTRUCTOR) for _ in range(2)]

    async def tell_both(tx: Transaction) -> int:
        return await notify(
            tx,
            crowd.notifier,
            kind=ADDED,
            recipients=[one.number, other.number],
            key="another event",
            payload={"course_title": "Knots"},
        )

    done, told = await meet(
        crowd.database,
        roster(crowd, course, (other, RosterRole.INSTRUCTOR), (one, RosterRole.INSTRUCTOR)),
        tell_both,
        before="SAVEPOINT",
        turn=2,
    )
    assert (done.teaching, told) == (2, 2)
    assert await wrong_counters(crowd.database) == []
    assert len(await run(crowd.database, "SELECT FROM notifications")) == 4
