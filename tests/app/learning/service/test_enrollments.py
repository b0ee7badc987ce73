"""Seats, and the line for them: exact, whoever comes, goes and asks again, and all at once."""

import asyncio
import random

import pytest

from app.database import Database
from app.learning.models import EnrollmentState
from app.resources import Resources
from tests.factories.catalog import MadeCourse, Staff, make_course, make_course_of, make_staff, run
from tests.factories.identity import MadeUser, make_user
from tests.factories.learning import enrolled, flaws, policy, rows_of, withdrawn

SEATS, PEOPLE = 10, 200


@pytest.fixture
async def staff(database: Database) -> Staff:
    return await make_staff(database)


@pytest.fixture
async def course(database: Database, staff: Staff) -> MadeCourse:
    return await make_course_of(database, staff)


async def make_people(database: Database, number: int) -> list[MadeUser]:
    return [await make_user(database) for _ in range(number)]


async def test_two_hundred_for_ten_seats(
    crowd: Resources, database: Database, staff: Staff, course: MadeCourse
) -> None:
    await policy(crowd, staff.lead, course, capacity=SEATS)
    people = await make_people(database, PEOPLE)
    # Each asks three times, as a client does that has lost the answer.
    tries = people * 3
    random.Random(5).shuffle(tries)
    await asyncio.gather(*(enrolled(crowd, user, course) for user in tries))
    series = crowd.metrics.registry.get_sample_value
    counted = [series("lectern_enrollments_total", {"outcome": kind}) for kind in ("enrolled", "waitlisted")]
    assert counted == [SEATS, PEOPLE - SEATS]
    rows = await rows_of(database, course)
    assert [row["state"] for row in rows] == ["active"] * SEATS + ["waitlisted"] * (PEOPLE - SEATS)
    assert [row["waitlist_number"] for row in rows[SEATS:]] == list(range(1, PEOPLE - SEATS + 1))
    assert {row["user_id"] for row in rows} == {user.number for user in people}
    assert {row["generation"] for row in rows} == {1}
    events = await run(
        database, "SELECT kind, count(*) AS number FROM enrollment_events GROUP BY kind ORDER BY kind"
    )
    assert [tuple(event) for event in events] == [("enrolled", SEATS), ("waitlisted", PEOPLE - SEATS)]
    assert await flaws(database, course) == []


@pytest.mark.parametrize("seed", [1, 2])
async def test_coming_and_going_at_once(
    crowd: Resources, database: Database, staff: Staff, course: MadeCourse, seed: int
) -> None:
    await policy(crowd, staff.lead, course, capacity=3)
    people = await make_people(database, 12)
    luck = random.Random(seed)

    for user in people:
        await enrolled(crowd, user, course)

    async def act(seed: int) -> None:
        luck = random.Random(seed)
        for _ in range(10):
            if luck.random() < 0.1:
                await policy(crowd, staff.lead, course, capacity=luck.randint(1, 5))
            else:
                await luck.choice((enrolled, withdrawn))(crowd, luck.choice(people), course)

    await asyncio.gather(*(act(luck.randrange(2**32)) for _ in range(15)))
    assert await flaws(database, course) == []
    rows = await rows_of(database, course)
    kinds = await run(database, "SELECT kind, count(*) AS number FROM enrollment_events GROUP BY kind")
    counted = {row["kind"]: row["number"] for row in kinds}
    # Whoever ever got a seat has it or has left it; each that left did so once a generation.
    assert counted["withdrawn"] == sum(row["generation"] - 1 for row in rows) + sum(
        row["state"] == EnrollmentState.WITHDRAWN for row in rows
    )


async def test_twenty_of_one_person_are_one(crowd: Resources, database: Database, course: MadeCourse) -> None:
    (user,) = await make_people(database, 1)
    await asyncio.gather(*(enrolled(crowd, user, course) for _ in range(20)))
    assert [(row["state"], row["generation"]) for row in await rows_of(database, course)] == [("active", 1)]
    assert await flaws(database, course) == []


async def test_an_invitation_is_used_once_however_often_it_is_asked(
    crowd: Resources, database: Database, staff: Staff, course: MadeCourse
) -> None:
    (user,) = await make_people(database, 1)
    await policy(crowd, staff.lead, course, invitation_only=True)
    await run(
        database,
        "INSERT INTO invitations (course_id, email, email_key, invited_by, expires_at)"
        " VALUES ($1, $2, $2, $3, now() + interval '1 day')",
        course.number,
        user.email,
        staff.lead.number,
    )
    await asyncio.gather(*(enrolled(crowd, user, course) for _ in range(20)))
    assert [row["state"] for row in await rows_of(database, course)] == ["active"]
    assert await run(database, "SELECT FROM invitations") == []


async def test_a_hot_course_keeps_no_other_waiting(
    crowd: Resources, database: Database, staff: Staff, course: MadeCourse
) -> None:
    other = await make_course(database, staff.stranger.actor)
    (user, late) = await make_people(database, 2)
    async with crowd.database.transaction() as tx:
        await tx.fetch_text("SELECT FROM course_stats WHERE course_id = $1 FOR UPDATE", course.number)
        await enrolled(crowd, user, other)
        # Whoever wants a seat of the locked course is told to come again, and nothing is half done.
        waits = asyncio.create_task(enrolled(crowd, late, course))
        while not await run(database, "SELECT FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
    assert await rows_of(database, course) == []
    assert [row["state"] for row in await rows_of(database, other)] == ["active"]
    assert await flaws(database, course) == []
