"""Progress that is kept with every change equals progress counted anew; what is completed is completed once, for ever."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.identity.models import Role
from app.learning import service
from app.learning.service.completion import complete_lessons
from app.resources import Resources
from app.telemetry import StatementCount, statements
from tests.app.learning.service.histories import History
from tests.factories.catalog import MadeCourse, make_course, run
from tests.factories.identity import MadeUser, make_user
from tests.factories.learning import enrolled, withdrawn

LEARNERS = ["enroll", "withdraw", "open", "complete", "complete", "complete", "watch", "watch"]
TEACHER = ["add_lesson", "remove_lesson", "remove_module", "move_lesson", "change_rule", "change_duration"]
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from([*LEARNERS, *LEARNERS, *TEACHER, "recompute"]),
        st.integers(0, 1),
        st.integers(0, 5),
        st.integers(0, 120),
    ),
    min_size=8,
    max_size=25,
)


async def history(resources: Resources) -> History:
    """Two learners of a course of a page, a video and a link."""
    lead = await make_user(resources.database, Role.INSTRUCTOR)
    course = await make_course(resources.database, lead.actor, lessons=(1, 1))
    made = History(resources, lead, course.number, [await make_user(resources.database) for _ in range(2)])
    for learner in made.learners:
        await made.enroll(learner, 0, 0)
    await made.add_lesson(lead, 0, 1)
    await made.add_lesson(lead, 1, 2)
    return made


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
async def test_kept_progress_equals_a_recompute(
    resources: Resources, actions: list[tuple[str, int, int, int]]
) -> None:
    made = await history(resources)
    for action in actions:
        await made.act(*action)
        assert await made.flaws(settled=False) == [], action
    await made.recompute(made.lead, 0, 0)
    assert await made.flaws(settled=True) == []
    before = await made._lessons()
    assert before, "a published course keeps a lesson"


async def learning(resources: Resources, lessons: int) -> tuple[MadeCourse, MadeUser]:
    lead = await make_user(resources.database, Role.INSTRUCTOR)
    course = await make_course(resources.database, lead.actor, lessons=(lessons,))
    learner = await make_user(resources.database)
    await enrolled(resources, learner, course)
    return course, learner


async def complete(resources: Resources, course: MadeCourse, learner: MadeUser, *lessons: int) -> int:
    async with resources.database.transaction() as tx:
        return await complete_lessons(
            tx,
            resources.outbox,
            user_ids=[learner.number] * len(lessons),
            lesson_ids=list(lessons),
            course_ids=[course.number] * len(lessons),
        )


async def test_a_course_is_completed_once_whatever_races(crowd: Resources) -> None:
    course, learner = await learning(crowd, 10)
    done = await asyncio.gather(
        *(
            complete(crowd, course, learner, lesson, course.lesson_numbers[0])
            for lesson in course.lesson_numbers * 2
        )
    )
    assert sum(done) == 10
    rows = await run(
        crowd.database,
        "SELECT state, lessons_completed, completed_at IS NOT NULL AS done FROM enrollments WHERE course_id = $1",
        course.number,
    )
    assert [tuple(row) for row in rows] == [("completed", 10, True)]
    events = await run(
        crowd.database,
        "SELECT e.id, e.generation, n.completed_at, uuid_extract_timestamp(e.id) AS at FROM enrollment_events e"
        " JOIN enrollments n USING (user_id, course_id) WHERE e.course_id = $1 AND e.kind = 'completed'",
        course.number,
    )
    assert [event["generation"] for event in events] == [1]
    assert abs((events[0]["at"] - events[0]["completed_at"]).total_seconds()) < 0.002
    jobs = await run(crowd.database, "SELECT payload FROM jobs WHERE name = 'tell_course_completed'")
    assert [job["payload"]["event_id"] for job in jobs] == [str(events[0]["id"])]


async def test_what_was_done_before_leaving_counts_for_who_comes_back(resources: Resources) -> None:
    course, learner = await learning(resources, 2)
    await complete(resources, course, learner, course.lesson_numbers[0])
    await withdrawn(resources, learner, course)
    # A flush that comes late: noted, and no reason to complete the course.
    assert await complete(resources, course, learner, course.lesson_numbers[1]) == 1
    state = "SELECT state, lessons_completed FROM enrollments WHERE course_id = $1"
    assert [tuple(row) for row in await run(resources.database, state, course.number)] == [("withdrawn", 2)]
    await enrolled(resources, learner, course)
    assert [tuple(row) for row in await run(resources.database, state, course.number)] == [("completed", 2)]


async def test_strangers_and_foreign_lessons_count_nothing(resources: Resources) -> None:
    course, learner = await learning(resources, 2)
    stranger = await make_user(resources.database)
    assert await complete(resources, course, stranger, course.lesson_numbers[0]) == 0
    assert await complete(resources, course, learner, 999_999) == 0
    assert await run(resources.database, "SELECT * FROM lesson_progress") == []


@pytest.mark.parametrize("number", [1, 100])
async def test_statements_do_not_depend_on_how_many(resources: Resources, number: int) -> None:
    course, learner = await learning(resources, number)
    counted = StatementCount(keep_texts=True)
    token = statements.set(counted)
    try:
        assert await complete(resources, course, learner, *course.lesson_numbers) == number
    finally:
        statements.reset(token)
    # The locks, the lessons, the course, its event, and that telling.
    assert counted.total == 5


async def test_marking_a_page_and_opening_a_link(resources: Resources) -> None:
    course, learner = await learning(resources, 1)
    standing, completion = await service.standing_of(
        resources.database, resources.progress_buffer, learner.actor, course.lesson_numbers[0]
    )
    async with resources.database.transaction() as tx:
        await service.complete_lesson(tx, resources.notifier, standing, completion)
    (row,) = await run(
        resources.database,
        "SELECT p.opened_at IS NOT NULL AND p.marked_at IS NOT NULL AND p.completed_at IS NOT NULL AS all, e.state,"
        " e.last_lesson_id, e.last_active_at IS NOT NULL AS active FROM lesson_progress p JOIN enrollments e USING (user_id)",
    )
    assert tuple(row) == (True, "completed", course.lesson_numbers[0], True)
