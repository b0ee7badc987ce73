"""Who waits is told once in a transaction, and locked in the order that others keep."""

from app.database import Transaction
from app.identity.models import Role
from app.learning.service import waitlist
from app.learning.service.completion import complete_lessons
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


async def test_who_waits_is_locked_in_the_order_of_learners(crowd: Resources) -> None:
    """Not in that of the line: somebody else may hold the first of them, and want the second."""
    lead = await make_user(crowd.database, Role.INSTRUCTOR)
    course = await make_course(crowd.database, lead.actor, published=True)
    await policy(crowd, lead, course, capacity=1)
    seated, lower, higher = [await make_user(crowd.database) for _ in range(3)]
    for user in (seated, higher, lower):
        await enrolled(crowd, user, course)
    await run(crowd.database, "UPDATE enrollment_policies SET capacity = 3")

    async def complete_both(tx: Transaction) -> None:
        for user in (lower, higher):
            await complete_lessons(
                tx,
                crowd.outbox,
                user_ids=[user.number],
                lesson_ids=course.lesson_numbers[:1],
                course_ids=[course.number],
            )

    async def tend(tx: Transaction) -> int:
        return await waitlist.tend(tx, crowd.notifier, course.number, closed=False)

    _, promoted = await meet(crowd.database, complete_both, tend, before="FOR NO KEY UPDATE OF e", turn=2)
    assert promoted == 2
    assert await flaws(crowd.database, course) == []
