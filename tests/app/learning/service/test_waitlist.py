"""Who waits too long is told in a transaction of its own: two tellings in one would lock people in the order of their kinds."""

from app.database import Transaction
from app.identity.models import Role
from app.learning.service import waitlist
from app.notifications.service import notify
from app.resources import Resources
from tests.factories.catalog import make_course, run
from tests.factories.identity import make_user
from tests.factories.learning import enrolled, flaws, policy
from tests.factories.notifications import ADDED, wrong_counters
from tests.support.meeting import meet


async def test_the_clock_and_who_tells_the_same_people(crowd: Resources) -> None:
    lead = await make_user(crowd.database, Role.INSTRUCTOR)
    course = await make_course(crowd.database, lead.actor, published=True)
    await policy(crowd, lead, course, capacity=1)
    seated, next_one, last = [await make_user(crowd.database) for _ in range(3)]
    for user in (seated, next_one, last):
        await enrolled(crowd, user, course)
    await run(crowd.database, "UPDATE enrollment_policies SET capacity = 2")
    await run(
        crowd.database,
        "UPDATE enrollments SET created_at = created_at - interval '2 years' WHERE user_id = $1",
        last.number,
    )

    async def tend(tx: Transaction) -> int:
        return await waitlist.tend(tx, crowd.notifier, course.number, closed=False)

    async def tell_both(tx: Transaction) -> int:
        return await notify(
            tx,
            crowd.notifier,
            kind=ADDED,
            recipients=[next_one.number, last.number],
            key="another event",
            payload={"course_title": "Knots"},
        )

    ended, told = await meet(crowd.database, tend, tell_both, before="promoted AS")
    assert (ended, told) == (1, 2)
    async with crowd.database.transaction() as tx:
        assert await tend(tx) == 1
    async with crowd.database.transaction() as tx:
        assert await tend(tx) == 0
    assert await flaws(crowd.database, course) == []
    assert await wrong_counters(crowd.database) == []
