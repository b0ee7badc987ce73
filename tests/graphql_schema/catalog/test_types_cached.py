"""Courses, featured courses and instructors from the cache: found there, never old, never more than anybody may see."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.catalog import reads as catalog
from app.catalog.cards import COURSE_CARDS
from app.database import Database
from app.identity import reads as identity
from app.identity.actor import ANONYMOUS, Actor
from app.identity.cards import INSTRUCTOR_CARDS
from app.identity.models import Role
from app.identity.service import accounts
from app.jobs import Job
from app.outbox import claim_job
from app.resources import open_resources
from graphql_schema.node import global_id
from tests.factories.catalog import MadeCourse, Staff, make_course_of, run
from tests.factories.identity import make_user
from tests.support import cache
from tests.support.api import Api
from workers.handlers import HANDLERS
from workers.running import run_job

COURSE = """query ($id: ID!) { course(id: $id) { id slug title description category level language skills status
    isFeatured rating ratingCount lessonCount version createdAt updatedAt publishedAt
    instructor { id name role email locale } } }"""
FEATURED = "query ($first: Int!) { featuredCourses(first: $first) { id title isFeatured } }"


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.cache.SETTLING", 0.0)


@pytest.fixture
async def course(api: Api, database: Database, staff: Staff) -> MadeCourse:
    made = await make_course_of(
        database, staff, lessons=(2, 1), description="All of it", category="Food", level="beginner"
    )
    await cache.renew(api.resources)
    return made


async def twice(api: Api, actor: Actor, course: MadeCourse) -> Any:
    """A course as it is found when it has been asked for before."""
    first = await api(COURSE, actor, id=course.id)
    again = await api.ask(COURSE, actor, id=course.id)
    assert again.data == first
    return again


async def test_a_card_and_its_instructor_are_found_without_a_statement(api: Api, course: MadeCourse) -> None:
    again = await twice(api, ANONYMOUS, course)
    assert again.statements == []
    await cache.empty(api.resources)
    assert (await api.ask(COURSE, id=course.id)).data == again.data


async def test_how_many_are_enrolled_is_never_old(api: Api, database: Database, course: MadeCourse) -> None:
    document = "query ($id: ID!) { course(id: $id) { title enrollmentCount } }"
    for number in (0, 1, 2):
        answer = await api.ask(document, id=course.id)
        assert answer.data["course"]["enrollmentCount"] == number
        # The card is kept, the number asked for.
        assert len(answer.statements) == (2 if number == 0 else 1)
        await run(database, "UPDATE course_stats SET enrollment_count = enrollment_count + 1")


async def test_cards_hold_what_the_reads_give(api: Api, database: Database, course: MadeCourse) -> None:
    rows = await catalog.published_courses_by_id(database, [course.number])
    people = await identity.public_users_by_id(database, [rows[0]["instructor_id"]])
    kept: list[tuple[Any, Any]] = [(COURSE_CARDS, rows[0]), (INSTRUCTOR_CARDS, people[0])]
    for spec, row in kept:
        assert spec.decode(spec.encode(dict(row))) == dict(row)


EDITS: dict[str, tuple[str, dict[str, Any]]] = {
    "updateCourse": ("COURSE", {"title": "Another title", "expectedVersion": 1}),
    "unpublishCourse": ("COURSE", {}),
    "archiveCourse": ("COURSE", {}),
    "setCourseFeatured": ("COURSE", {"featured": True}),
    "addModule": ("COURSE", {"title": "More"}),
    "addLesson": (
        "MODULE",
        {"kind": "PAGE", "title": "More", "body": {"source": "More", "format": "MARKDOWN"}},
    ),
    "removeLesson": ("LESSON", {}),
    "removeModule": ("MODULE", {}),
}


@pytest.mark.parametrize("verb", EDITS)
async def test_every_edit_is_seen_at_once_by_everybody(
    api: Api, database: Database, staff: Staff, course: MadeCourse, verb: str
) -> None:
    parent, values = EDITS[verb]
    identifier = {
        "COURSE": ("courseId", course.id),
        "MODULE": ("moduleId", course.modules[0]),
        "LESSON": ("lessonId", course.lessons[0]),
    }[parent]
    if verb == "addLesson":
        values = {"kind": "PAGE", "title": "More", "body": "More"}
    await twice(api, ANONYMOUS, course)
    before = await twice(api, staff.lead.actor, course)
    payload = await api.change(verb, staff.admin.actor, **{identifier[0]: identifier[1]}, **values)
    assert payload["userErrors"] == []
    for _settled in (False, True):
        seen = await twice(api, staff.lead.actor, course)
        assert seen.data != before.data or verb == "addModule"
        in_database = await catalog.courses_by_id(database, [course.number], staff.lead.actor)
        assert seen.data["course"]["title"] == in_database[0]["title"]
        assert seen.data["course"]["status"].lower() == in_database[0]["status"]
        assert seen.data["course"]["lessonCount"] == in_database[0]["lesson_count"]
        assert seen.data["course"]["isFeatured"] == (in_database[0]["featured_at"] is not None)
        anonymous = (await twice(api, ANONYMOUS, course)).data["course"]
        if verb == "unpublishCourse":
            assert anonymous is None
        else:
            assert anonymous["title"] == in_database[0]["title"]
        await cache.settle(api.resources)


async def test_a_payload_shows_what_was_just_written(api: Api, staff: Staff, course: MadeCourse) -> None:
    await twice(api, ANONYMOUS, course)
    for version, title in enumerate(("One", "Two", "Three"), 1):
        payload = await api.change(
            "updateCourse",
            staff.lead.actor,
            "course { title version }",
            courseId=course.id,
            expectedVersion=version,
            title=title,
        )
        assert payload["course"] == {"title": title, "version": version + 1}


async def test_a_refused_edit_forgets_nothing(
    api: Api, database: Database, staff: Staff, course: MadeCourse
) -> None:
    await twice(api, ANONYMOUS, course)
    payload = await api.change(
        "updateCourse", staff.lead.actor, courseId=course.id, expectedVersion=99, title="No"
    )
    assert payload["userErrors"] != []
    assert (await api.ask(COURSE, id=course.id)).statements == []
    assert await run(database, "SELECT FROM jobs WHERE name = $1", Job.FORGET_CACHED) == []


async def test_a_draft_leaves_no_trace(api: Api, database: Database, staff: Staff) -> None:
    draft = await make_course_of(database, staff, published=False)
    await cache.renew(api.resources)
    for actor, seen in ((staff.lead.actor, True), (staff.admin.actor, True), (ANONYMOUS, False)):
        found = await twice(api, actor, draft)
        assert (found.data["course"] is not None) == seen
    entry = COURSE_CARDS.entry(*public(draft.number))
    assert (await api.resources.cache._store.read(COURSE_CARDS, [entry]))[0].value is None


def public(number: int) -> tuple[Any, int]:
    return COURSE_CARDS.scope(), number


async def test_two_viewers_of_one_card_see_their_own(api: Api, staff: Staff, course: MadeCourse) -> None:
    """Its lead's address is for the lead and administrators, whoever asked before."""
    viewers: list[tuple[Actor, str | None]] = [
        (staff.admin.actor, staff.lead.email),
        (ANONYMOUS, None),
        (staff.lead.actor, staff.lead.email),
        (staff.student.actor, None),
    ]
    for _round in range(2):
        for actor, email in viewers:
            data = await api(COURSE, actor, id=course.id)
            assert data["course"]["instructor"]["email"] == email
    redis = api.resources.cache._store._redis
    kept = [await redis.get(key) async for key in redis.scan_iter("lectern:cache:value:*")]
    assert len(kept) == 2
    assert not [value for value in kept if staff.lead.email.encode() in value]


async def test_a_hundred_instructors_addresses_are_one_statement(
    api: Api, staff: Staff, course: MadeCourse
) -> None:
    document = "query ($id: ID!) { course(id: $id) { instructors { user { email timeZone } } } }"
    answer = await api.ask(document, staff.admin.actor, id=course.id)
    assert not answer.errors
    again = await api.ask(document, staff.admin.actor, id=course.id)
    assert [user["user"]["email"] for user in again.data["course"]["instructors"]] == [
        staff.lead.email,
        staff.colleague.email,
    ]
    assert len(again.statements) == 2, "who they are, and their accounts"


async def rename(api: Api, staff: Staff) -> None:
    await api.change("updateProfile", staff.lead.actor, name="Lea Leader")


async def promote(api: Api, staff: Staff) -> None:
    async with api.resources.database.transaction() as tx:
        await accounts.set_role(tx, email=staff.lead.email, role=Role.ADMIN)


@pytest.mark.parametrize(
    ("change", "seen"), [(rename, ("Lea Leader", "INSTRUCTOR")), (promote, ("Lea Lead", "ADMIN"))]
)
async def test_an_instructor_changes(
    api: Api,
    staff: Staff,
    course: MadeCourse,
    change: Callable[[Api, Staff], Awaitable[None]],
    seen: tuple[str, str],
) -> None:
    await twice(api, ANONYMOUS, course)
    await change(api, staff)
    for _settled in (False, True):
        found = (await twice(api, ANONYMOUS, course)).data["course"]["instructor"]
        assert (found["name"], found["role"]) == seen
        await cache.settle(api.resources)
    assert (await twice(api, ANONYMOUS, course)).statements == []


async def test_a_language_is_no_reason_to_forget_a_name(api: Api, database: Database, staff: Staff) -> None:
    await api.change("updateProfile", staff.lead.actor, locale="pt-BR")
    assert await run(database, "SELECT FROM jobs") == []


async def featured(api: Api, first: int = 10) -> list[str]:
    return [course["title"] for course in (await api(FEATURED, first=first))["featuredCourses"]]


async def test_featured_courses_change_at_once(api: Api, database: Database, staff: Staff) -> None:
    made = [await make_course_of(database, staff, title=f"Course {number}") for number in range(4)]

    async def feature(course: MadeCourse, *, on: bool) -> None:
        await api.change("setCourseFeatured", staff.admin.actor, courseId=course.id, featured=on)

    assert await featured(api) == []
    for course in made:
        await feature(course, on=True)
    assert await featured(api) == ["Course 3", "Course 2", "Course 1", "Course 0"]
    assert await featured(api, first=2) == ["Course 3", "Course 2"]
    await cache.settle(api.resources)
    await featured(api)
    warm = await api.ask(FEATURED, first=3)
    assert [course["title"] for course in warm.data["featuredCourses"]] == [
        "Course 3",
        "Course 2",
        "Course 1",
    ]
    assert warm.statements == []
    await feature(made[3], on=False)
    assert await featured(api) == ["Course 2", "Course 1", "Course 0"]
    await api.change("unpublishCourse", staff.lead.actor, courseId=made[2].id)
    await api.change("archiveCourse", staff.lead.actor, courseId=made[1].id)
    await cache.settle(api.resources)
    for _ in range(2):
        assert await featured(api) == ["Course 0"]


async def test_featured_courses_cost_the_same_for_one_and_many(
    api: Api, database: Database, staff: Staff
) -> None:
    for number in range(12):
        course = await make_course_of(database, staff, title=f"Course {number}")
        await api.change("setCourseFeatured", staff.admin.actor, courseId=course.id, featured=True)
    for first in (1, 12):
        await cache.renew(api.resources)
        cold = await api.ask(FEATURED, first=first)
        assert len(cold.data["featuredCourses"]) == first
        assert len(cold.statements) == 2, "the list; the cards"
        assert (await api.ask(FEATURED, first=first)).statements == []


async def test_nobody_sees_a_draft_among_the_featured(api: Api, database: Database, staff: Staff) -> None:
    """Not even whoever may see the draft itself, and not from a list that is older than the change."""
    course = await make_course_of(database, staff)
    await api.change("setCourseFeatured", staff.admin.actor, courseId=course.id, featured=True)
    await cache.renew(api.resources)
    await featured(api)
    await run(database, "UPDATE courses SET status = 'draft' WHERE id = $1", course.number)
    await api.resources.cache.forget([COURSE_CARDS.entry(*public(course.number))])
    for actor in (ANONYMOUS, staff.admin.actor, staff.lead.actor):
        assert await api(FEATURED, actor, first=5) == {"featuredCourses": []}


async def test_another_process_hears_of_it(api: Api, staff: Staff, course: MadeCourse) -> None:
    async with open_resources(api.resources.settings) as resources:
        neighbour = Api(resources)
        assert (await twice(neighbour, ANONYMOUS, course)).statements == []
        await api.change("unpublishCourse", staff.lead.actor, courseId=course.id)
        assert await neighbour(COURSE, id=course.id) == {"course": None}


async def test_another_process_hears_of_it_through_postgresql_alone(
    api: Api, database: Database, staff: Staff, course: MadeCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(_entries: object) -> None:
        """The process dies, or is cut off from Redis, right after the commit."""

    async with open_resources(api.resources.settings) as resources:
        neighbour = Api(resources)
        await twice(neighbour, ANONYMOUS, course)
        with monkeypatch.context() as cut:
            cut.setattr(api.resources.cache._store, "forget", lost)
            await api.change("unpublishCourse", staff.lead.actor, courseId=course.id)
        resources.cache._unsettled._read_at = None  # a second goes by
        assert await neighbour(COURSE, id=course.id) == {"course": None}
        # Then the job: Redis forgets, and only now it is believed again.
        waiting = await run(
            database, "UPDATE jobs SET due_at = now() WHERE name = $1 RETURNING id", Job.FORGET_CACHED
        )
        assert [await run_job(resources, HANDLERS, row["id"]) for row in waiting] == ["succeeded"]
        assert await claim_job(database, waiting[0]["id"]) is None
        resources.cache._unsettled._read_at = None
        assert await neighbour(COURSE, id=course.id) == {"course": None}


async def test_the_job_waits_for_redis(
    api: Api, database: Database, staff: Staff, course: MadeCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.change("updateCourse", staff.lead.actor, courseId=course.id, expectedVersion=1, title="New")
    rows = await run(database, "SELECT id, payload FROM jobs")
    assert [row["payload"] for row in rows] == [{"entries": [f"course_card:public:{course.number}"]}]
    away = api.resources.settings.redis.model_copy(update={"url": "redis://127.0.0.1:1/0"})
    async with open_resources(api.resources.settings.model_copy(update={"redis": away})) as cut_off:
        assert await run_job(cut_off, HANDLERS, rows[0]["id"]) == "again"
        # Its readers do without.
        assert (await Api(cut_off)(COURSE, id=course.id))["course"]["title"] == "New"
    await run(database, "UPDATE jobs SET due_at = now()")
    assert await run_job(api.resources, HANDLERS, rows[0]["id"]) == "succeeded"
    assert await run(database, "SELECT FROM jobs") == []


async def test_whoever_has_no_card_is_still_found(api: Api, database: Database) -> None:
    user = await make_user(database, Role.INSTRUCTOR)
    assert await api("query ($id: ID!) { node(id: $id) { id } }", id=global_id("User", user.number)) == {
        "node": {"id": user.id}
    }
