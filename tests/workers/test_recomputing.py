"""A course that changes after people have started: counted anew once, whatever comes in between."""

from typing import Any

from app.catalog import service as catalog
from app.catalog.service import LessonContent
from app.identity.models import Role
from app.jobs import Job
from app.learning.service import recomputing
from app.resources import Resources
from tests.factories.catalog import MadeCourse, make_course, run
from tests.factories.identity import MadeUser, make_user
from tests.factories.learning import enrolled
from tests.support.jobs import run_waiting_jobs
from workers.handlers import HANDLERS
from workers.running import run_job

_DUE = (
    "UPDATE jobs SET due_at = now() WHERE name = 'begin_recomputing' RETURNING due_at - created_at AS waited"
)


async def learning(
    resources: Resources, *, lessons: int = 3, learners: int = 3
) -> tuple[MadeCourse, MadeUser]:
    """Each has done all lessons but the last."""
    lead = await make_user(resources.database, Role.INSTRUCTOR)
    course = await make_course(resources.database, lead.actor, lessons=(lessons,))
    for _ in range(learners):
        learner = await make_user(resources.database)
        await enrolled(resources, learner, course)
        await run(
            resources.database,
            "WITH done AS (INSERT INTO lesson_progress (user_id, lesson_id, course_id, completed_at)"
            " SELECT $1, lesson, $2, now() FROM unnest($3::bigint[]) AS lesson RETURNING user_id)"
            " UPDATE enrollments SET lessons_completed = (SELECT count(*) FROM done) WHERE user_id = $1",
            learner.number,
            course.number,
            course.lesson_numbers[:-1],
        )
    return course, lead


async def remove(resources: Resources, lead: MadeUser, lesson: int) -> None:
    async with resources.database.transaction() as tx:
        await catalog.remove_lesson(tx, lead.actor, lesson_id=lesson)


async def operations(resources: Resources) -> list[Any]:
    return await run(
        resources.database, "SELECT kind, owner_id, state, result, arguments FROM operations ORDER BY id"
    )


async def standing(resources: Resources) -> list[tuple[Any, ...]]:
    rows = await run(resources.database, "SELECT state, lessons_completed FROM enrollments ORDER BY user_id")
    return [tuple(row) for row in rows]


async def test_nobody_has_to_do_what_is_gone(resources: Resources) -> None:
    course, lead = await learning(resources)
    await remove(resources, lead, course.lesson_numbers[-1])
    assert await standing(resources) == [("active", 2)] * 3
    assert await operations(resources) == []
    assert await run_waiting_jobs(resources) == [], "changes settle first"
    await run(resources.database, _DUE)
    await run_waiting_jobs(resources)
    assert await standing(resources) == [("completed", 2)] * 3
    (operation,) = await operations(resources)
    assert (operation["kind"], operation["owner_id"], operation["state"]) == (
        "recompute_progress",
        lead.number,
        "succeeded",
    )
    figures = {figure["name"]: figure["count"] for figure in operation["result"]}
    assert figures == {"enrollments": 3, "corrected": 0, "lessonsCompleted": 0, "coursesCompleted": 3}
    told = await run(resources.database, "SELECT kind FROM notifications")
    assert [row["kind"] for row in told] == ["course_completed"] * 3
    # Once more tells nobody again.
    await run(resources.database, "UPDATE operations SET state = 'queued', finished_at = NULL")
    async with resources.database.transaction() as tx:
        assert not await recomputing.is_worthwhile(tx, course.number, 0)


async def test_what_was_done_and_is_gone_counts_no_more(resources: Resources) -> None:
    course, lead = await learning(resources)
    await remove(resources, lead, course.lesson_numbers[0])
    await run(resources.database, _DUE)
    await run_waiting_jobs(resources)
    assert await standing(resources) == [("active", 1)] * 3
    assert len(await run(resources.database, "SELECT * FROM lesson_progress")) == 3


async def test_many_changes_are_one_recomputing(resources: Resources) -> None:
    course, lead = await learning(resources, lessons=6)
    for lesson in course.lesson_numbers[1:4]:
        await remove(resources, lead, lesson)
    jobs = await run(resources.database, _DUE)
    assert len(jobs) == 3
    await run_waiting_jobs(resources)
    assert len(await operations(resources)) == 1
    assert await standing(resources) == [("active", 2)] * 3


async def test_a_change_while_it_begins_is_not_swallowed(resources: Resources) -> None:
    course, lead = await learning(resources, lessons=6)
    await remove(resources, lead, course.lesson_numbers[1])
    await run(resources.database, _DUE)
    (first,) = await run(resources.database, "SELECT id FROM jobs WHERE name = 'begin_recomputing'")
    await run_job(resources, {Job.BEGIN_RECOMPUTING: HANDLERS[Job.BEGIN_RECOMPUTING]}, first["id"])
    await remove(resources, lead, course.lesson_numbers[2])
    await run_waiting_jobs(resources)
    await run(resources.database, _DUE)
    await run_waiting_jobs(resources)
    assert len(await operations(resources)) == 2
    assert await standing(resources) == [("active", 3)] * 3


async def test_a_course_without_learners_is_not_counted(resources: Resources) -> None:
    course, lead = await learning(resources, learners=0)
    await remove(resources, lead, course.lesson_numbers[0])
    await run(resources.database, _DUE)
    await run_waiting_jobs(resources)
    assert await operations(resources) == []


async def test_an_easier_rule_completes_and_a_harder_one_takes_nothing(resources: Resources) -> None:
    course, lead = await learning(resources, learners=1)
    (video,) = await run(
        resources.database,
        "WITH changed AS (UPDATE lessons SET kind = 'video' WHERE id = $1 RETURNING id)"
        " INSERT INTO video_metadata (lesson_id, duration_ms) SELECT id, 10000 FROM changed RETURNING id",
        course.lesson_numbers[-1],
    )
    await run(
        resources.database,
        "INSERT INTO video_progress (user_id, video_id, lesson_id, course_id, position_ms, position_at,"
        " position_sequence, watched, watched_ms)"
        " SELECT user_id, $1, $2, course_id, 5000, now(), 1, '{[0,5000)}', 5000 FROM enrollments",
        video["id"],
        course.lesson_numbers[-1],
    )
    for version, share, expected in ((1, 0.5, "completed"), (2, 1.0, "completed")):
        async with resources.database.transaction() as tx:
            await catalog.update_lesson(
                tx,
                lead.actor,
                lesson_id=course.lesson_numbers[-1],
                expected_version=version,
                content=LessonContent(required_share=share),
            )
        await run(resources.database, _DUE)
        await run_waiting_jobs(resources)
        assert await standing(resources) == [(expected, 3)]


async def test_one_that_dies_in_the_middle_is_begun_again(resources: Resources) -> None:
    """What a worker that died had committed stays, and is not done twice."""
    course, lead = await learning(resources, learners=5)
    await remove(resources, lead, course.lesson_numbers[-1])
    async with resources.database.transaction() as tx:
        place = await recomputing.recount_chunk(
            tx,
            resources.outbox,
            course_id=course.number,
            after=recomputing.BEGINNING,
            found=recomputing.Recount(),
            rows=2,
        )
    assert place is not None
    assert await standing(resources) == [("completed", 2)] * 2 + [("active", 2)] * 3
    await run(resources.database, _DUE)
    await run_waiting_jobs(resources)
    assert await standing(resources) == [("completed", 2)] * 5
    events = await run(resources.database, "SELECT user_id FROM enrollment_events WHERE kind = 'completed'")
    assert len({event["user_id"] for event in events}) == len(events) == 5
