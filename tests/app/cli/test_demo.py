"""The demo data: complete, by the rules, and loaded once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.cli.demo import COURSES, load_demo_data
from app.cli.demo.people import PASSWORD, PEOPLE
from app.database import Database
from app.identity import reads
from app.identity.models import Role
from app.identity.service import accounts, sign_in
from app.identity.throttling.throttle import Throttle
from app.resources import Resources
from app.settings import AuthenticationSettings
from app.telemetry import Metrics, StatementCount, statements


async def rows(database: Database, statement: str) -> list[dict[str, Any]]:
    async with database.transaction() as tx:
        return [dict(row) for row in await tx.fetch_text(statement)]


async def test_everything_the_release_promises_is_there(database: Database) -> None:
    await load_demo_data(database)

    people = await rows(database, "SELECT role, count(*) AS many FROM users GROUP BY role")
    assert {row["role"]: row["many"] for row in people} == {"student": 30, "instructor": 3, "admin": 1}
    courses = await rows(database, "SELECT status, count(*) AS many FROM courses GROUP BY status")
    assert {row["status"]: row["many"] for row in courses} == {"published": 10, "draft": 1, "archived": 1}
    [varied] = await rows(
        database,
        """SELECT count(DISTINCT category) AS categories, count(DISTINCT level) AS levels,
               array_agg(DISTINCT language ORDER BY language) AS languages,
               count(featured_at) AS featured, bool_and(cardinality(skills) > 0) AS skilled FROM courses""",
    )
    assert varied["categories"] >= 5
    assert varied["levels"] == 3
    assert varied["languages"] == ["de", "en"]
    assert varied["featured"] == 3
    assert varied["skilled"]


async def test_every_course_has_a_tree_of_all_kinds_with_sums_that_fit(database: Database) -> None:
    await load_demo_data(database)

    modules = await rows(database, "SELECT count(*) AS many FROM modules GROUP BY course_id")
    assert len(modules) == 12
    assert all(2 <= row["many"] <= 4 for row in modules)
    lessons = await rows(database, "SELECT count(*) AS many FROM lessons GROUP BY module_id")
    assert all(3 <= row["many"] <= 6 for row in lessons)
    kinds = await rows(
        database,
        """SELECT kind, count(*) AS many, count(duration_ms) AS durations, count(body_html) AS bodies,
               count(external_url) AS addresses
           FROM lessons LEFT JOIN video_metadata ON lesson_id = lessons.id GROUP BY kind""",
    )
    by_kind = {row["kind"]: row for row in kinds}
    assert set(by_kind) == {"video", "page", "quiz", "link"}
    assert by_kind["video"]["durations"] == by_kind["video"]["many"]
    assert by_kind["page"]["bodies"] == by_kind["page"]["many"]
    assert by_kind["link"]["addresses"] == by_kind["link"]["many"]
    wrong_sums = await rows(
        database,
        """SELECT course_id FROM course_stats WHERE lesson_count <> (SELECT count(*) FROM lessons
               WHERE lessons.course_id = course_stats.course_id)
           OR enrollment_count <> (SELECT count(*) FROM enrollments e
               WHERE e.course_id = course_stats.course_id AND state IN ('active', 'completed'))
           OR (rating_count, rating_sum) <> (SELECT count(*), coalesce(sum(r.rating), 0) FROM course_reviews r
               WHERE r.course_id = course_stats.course_id)
           OR rating_histogram <> ARRAY(SELECT (SELECT count(*)::int FROM course_reviews r
               WHERE r.course_id = course_stats.course_id AND r.rating = star) FROM generate_series(1, 5) AS star)""",
    )
    assert wrong_sums == []
    stats = await rows(
        database,
        "SELECT title, enrollment_count, rating_histogram FROM course_stats JOIN courses ON id = course_id",
    )
    assert {row["title"]: (row["enrollment_count"], tuple(row["rating_histogram"])) for row in stats} == {
        course.title: (course.students, course.stars) for _, courses in COURSES for course in courses
    }


async def test_learners_are_everywhere_on_their_way(database: Database) -> None:
    await load_demo_data(database)

    states = await rows(database, "SELECT state, count(*) AS many FROM enrollments GROUP BY state")
    by_state = {row["state"]: row["many"] for row in states}
    assert set(by_state) == {"active", "completed", "withdrawn"}
    assert min(by_state.values()) >= 10
    [people] = await rows(
        database, "SELECT count(DISTINCT user_id) AS many FROM enrollments WHERE state <> 'withdrawn'"
    )
    assert people["many"] == 30
    # What is kept equals what is counted, no moment is to come, and each change is one event.
    flaws = await rows(
        database,
        """SELECT e.user_id, e.course_id FROM enrollments e JOIN course_stats s USING (course_id)
               JOIN courses c ON c.id = e.course_id
           WHERE lessons_completed <> (SELECT count(*) FROM lesson_progress p
                   WHERE p.user_id = e.user_id AND p.course_id = e.course_id AND p.completed_at IS NOT NULL)
               OR (state = 'completed') <> (lessons_completed = lesson_count)
               OR NOT c.published_at < enrolled_at
               OR greatest(completed_at, withdrawn_at, last_active_at) > now()
               OR (SELECT array_agg(kind ORDER BY id) FROM enrollment_events v
                   WHERE v.user_id = e.user_id AND v.course_id = e.course_id AND uuid_extract_timestamp(v.id)
                       BETWEEN e.enrolled_at - interval '1 ms' AND now())
                   <> CASE state WHEN 'active' THEN ARRAY['enrolled'] ELSE ARRAY['enrolled', state] END""",
    )
    assert flaws == []
    unwatched = await rows(
        database,
        """SELECT p.lesson_id FROM lesson_progress p JOIN video_metadata m ON m.lesson_id = p.lesson_id
           LEFT JOIN video_progress v ON v.user_id = p.user_id AND v.video_id = m.id
           WHERE (v.watched_ms = m.duration_ms AND v.watched = int4multirange(int4range(0, m.duration_ms))
               AND v.completed_at IS NOT NULL) IS NOT TRUE""",
    )
    assert unwatched == []
    [begun] = await rows(
        database, "SELECT count(*) AS many FROM video_progress WHERE completed_at IS NULL AND watched_ms > 0"
    )
    assert begun["many"] > 10
    reviews = await rows(
        database,
        """SELECT r.user_id FROM course_reviews r LEFT JOIN enrollments e USING (user_id, course_id)
           WHERE e.state IS DISTINCT FROM 'active' AND e.state IS DISTINCT FROM 'completed'""",
    )
    assert reviews == []
    told = await rows(
        database,
        "SELECT name FROM jobs WHERE name <> 'forget_cached' UNION ALL SELECT kind FROM notifications",
    )
    assert told == []


async def test_published_at_different_times_in_the_past(database: Database) -> None:
    await load_demo_data(database)

    published = await rows(
        database, "SELECT published_at, created_at FROM courses WHERE published_at IS NOT NULL"
    )
    assert len({row["published_at"] for row in published}) == 11
    assert all(row["created_at"] < row["published_at"] < datetime.now(UTC) for row in published)
    assert min(row["published_at"] for row in published) < datetime.now(UTC) - timedelta(days=300)


async def test_a_second_start_costs_one_statement_and_changes_nothing(database: Database) -> None:
    first = await load_demo_data(database)
    before = await rows(database, "SELECT id, xmin::text FROM courses ORDER BY id")

    counted = StatementCount(keep_texts=True)
    token = statements.set(counted)
    try:
        second = await load_demo_data(database)
    finally:
        statements.reset(token)

    assert counted.total == 1
    assert counted.texts[0].startswith("SELECT")
    assert second == first
    assert await rows(database, "SELECT id, xmin::text FROM courses ORDER BY id") == before


async def test_logins_that_are_offered_work(resources: Resources) -> None:
    logins = await load_demo_data(resources.database)

    assert [login.role for login in logins] == [
        "admin",
        "instructor",
        "instructor",
        "instructor",
        "student",
        "student",
    ]
    for login in logins:
        user = await sign_in.login(
            resources.database,
            resources.metrics,
            Throttle(AuthenticationSettings(), Metrics()),
            email=login.email,
            password=login.password,
        )
        assert (user["name"], user["role"]) == (login.name, login.role)


async def test_other_students_share_the_password(resources: Resources) -> None:
    await load_demo_data(resources.database)

    user = await sign_in.login(
        resources.database,
        resources.metrics,
        Throttle(AuthenticationSettings(), Metrics()),
        email=PEOPLE[-1].email,
        password=PASSWORD,
    )

    assert user["role"] == Role.STUDENT


async def test_a_database_in_which_somebody_has_a_demo_address_is_left_alone(database: Database) -> None:
    async with database.transaction() as tx:
        await accounts.create_user(
            tx, email=PEOPLE[-1].email, name="Somebody", role=Role.STUDENT, password=None
        )

    await load_demo_data(database)

    assert await rows(database, "SELECT name FROM users") == [{"name": "Somebody"}]
    assert await reads.user_by_email_key(database, PEOPLE[0].email) is None


@pytest.mark.parametrize(
    "course", [course for _, courses in COURSES for course in courses], ids=lambda c: c.title
)
def test_texts_are_whole_sentences(course) -> None:
    bodies = [lesson.body for module in course.modules for lesson in module.lessons if lesson.body]
    assert len(course.description) > 80
    assert all(len(body.split()) >= 20 for body in bodies)
