"""A course's sums of ratings are those of its reviews, whoever reviews at the same time."""

import asyncio
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import DomainError
from app.learning import service
from app.resources import Resources
from tests.factories.catalog import MadeCourse, Staff, make_course_of, make_staff, run
from tests.factories.identity import MadeUser, make_user

_KEPT = "SELECT rating_sum, rating_count, rating_histogram FROM course_stats WHERE course_id = $1"
_COUNTED = """
SELECT coalesce(sum(rating), 0), count(*), (SELECT array_agg((SELECT count(*) FROM course_reviews r
    WHERE r.course_id = $1 AND r.removed_at IS NULL AND r.rating = stars) ORDER BY stars) FROM generate_series(1, 5) AS stars)
FROM course_reviews WHERE course_id = $1 AND removed_at IS NULL
"""


async def sums(resources: Resources, course: MadeCourse) -> tuple[list[Any], list[Any]]:
    """(kept, counted anew)"""
    (kept,) = await run(resources.database, _KEPT, course.number)
    (counted,) = await run(resources.database, _COUNTED, course.number)
    return list(kept), list(counted)


async def learners(resources: Resources, course: MadeCourse, number: int) -> list[MadeUser]:
    made = [await make_user(resources.database) for _ in range(number)]
    await run(
        resources.database,
        "INSERT INTO enrollments (user_id, course_id, state, enrolled_at)"
        " SELECT learner, $1, 'active', now() FROM unnest($2::bigint[]) AS learner",
        course.number,
        [learner.number for learner in made],
    )
    return made


async def review(
    resources: Resources, course: MadeCourse, learner: MadeUser, rating: int, body: str = ""
) -> None:
    async with resources.database.transaction() as tx:
        await service.review_course(
            tx, resources.metrics, learner.actor, course_id=course.number, rating=rating, body=body
        )


async def remove(resources: Resources, staff: Staff, course: MadeCourse, learner: MadeUser) -> None:
    async with resources.database.transaction() as tx:
        await service.remove_review(
            tx,
            resources.metrics,
            staff.admin.actor,
            course_id=course.number,
            user_id=learner.number,
            reason="Rude.",
        )


async def restore(resources: Resources, staff: Staff, course: MadeCourse, learner: MadeUser) -> None:
    async with resources.database.transaction() as tx:
        await service.restore_review(
            tx, resources.metrics, staff.admin.actor, course_id=course.number, user_id=learner.number
        )


async def test_a_hundred_at_once(crowd: Resources) -> None:
    """Fifty learners twice each, and removals in between."""
    staff = await make_staff(crowd.database)
    course = await make_course_of(crowd.database, staff)
    made = await learners(crowd, course, 50)
    for learner in made[:10]:
        await review(crowd, course, learner, 3)

    async def removed(learner: MadeUser) -> None:
        await remove(crowd, staff, course, learner)
        await restore(crowd, staff, course, learner)
        await remove(crowd, staff, course, learner)

    async def reviewed(learner: MadeUser, rating: int) -> None:
        with suppress(DomainError):  # removed meanwhile
            await review(crowd, course, learner, rating)

    await asyncio.gather(
        *(reviewed(learner, 1 + number % 5) for number, learner in enumerate(made)),
        *(reviewed(learner, 5 - number % 5) for number, learner in enumerate(made)),
        *(removed(learner) for learner in made[:5]),
    )
    kept, counted = await sums(crowd, course)
    assert kept == counted
    assert kept[1] == 45


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["review", "review", "review", "remove", "restore"]),
        st.integers(0, 2),
        st.integers(0, 6),
    ),
    min_size=1,
    max_size=15,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
async def test_sums_are_those_of_the_rows(resources: Resources, actions: list[tuple[str, int, int]]) -> None:
    staff = await make_staff(resources.database)
    course = await make_course_of(resources.database, staff)
    made = await learners(resources, course, 3)
    for verb, who, rating in actions:
        with suppress(DomainError):
            if verb == "review":
                await review(resources, course, made[who], rating)
            else:
                await (remove if verb == "remove" else restore)(resources, staff, course, made[who])
        kept, counted = await sums(resources, course)
        assert kept == counted, (verb, who, rating)


async def test_what_an_import_counted_stays(resources: Resources) -> None:
    staff = await make_staff(resources.database)
    course = await make_course_of(resources.database, staff)
    await run(
        resources.database,
        "UPDATE course_stats SET rating_sum = 450, rating_count = 100 WHERE course_id = $1",
        course.number,
    )
    (learner,) = await learners(resources, course, 1)
    await review(resources, course, learner, 5)
    await review(resources, course, learner, 1)
    kept, _ = await sums(resources, course)
    assert kept == [451, 101, [1, 0, 0, 0, 0]]
