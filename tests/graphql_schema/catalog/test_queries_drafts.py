"""Who sees a course in which state, on every path that leads to one. What is in its lessons: learning/types/."""

from typing import Any

import pytest

from app.database import Database
from tests.factories.catalog import MadeCourse, Staff, make_course_of, run
from tests.support.api import Api

ROLES = ("anonymous", "student", "stranger", "lead", "colleague", "admin")
TEACHERS = {"lead", "colleague"}
STATUSES = ("draft", "published", "archived")
# A document in which COURSE, MODULE, LESSON and SLUG stand for what a client may have kept, and the way to the id.
BY_KEY: dict[str, tuple[str, list[str | int]]] = {
    "course by id": ("{ course(id: COURSE) { id } }", ["course"]),
    "course by slug": ("{ course(slug: SLUG) { id } }", ["course"]),
    "course as node": ("{ node(id: COURSE) { id } }", ["node"]),
    "course among nodes": ("{ nodes(ids: [COURSE, COURSE]) { id } }", ["nodes", 1]),
    "module as node": ("{ node(id: MODULE) { id } }", ["node"]),
    "module among nodes": ("{ nodes(ids: [COURSE, MODULE]) { id } }", ["nodes", 1]),
    "course of a module": ("{ node(id: MODULE) { ... on Module { course { id } } } }", ["node", "course"]),
    "lesson as node": ("{ node(id: LESSON) { id } }", ["node"]),
    "lesson among nodes": ("{ nodes(ids: [MODULE, LESSON]) { id } }", ["nodes", 1]),
    "course of a lesson": ("{ node(id: LESSON) { ... on Lesson { course { id } } } }", ["node", "course"]),
    "module of a lesson": ("{ node(id: LESSON) { ... on Lesson { module { id } } } }", ["node", "module"]),
}


async def course_in(database: Database, staff: Staff, status: str) -> MadeCourse:
    course = await make_course_of(database, staff, title="Course", lessons=(1,))
    # Featured even where the rules forbid it: lists must not trust them.
    await run(
        database, "UPDATE courses SET status = $2, featured_at = now() WHERE id = $1", course.number, status
    )
    return course


def found(data: Any, path: list[str | int]) -> Any:
    for step in path:
        if data is None:
            return None
        data = data[step]
    return data


@pytest.mark.parametrize("status", STATUSES)
async def test_by_key(api: Api, database: Database, staff: Staff, status: str) -> None:
    course = await course_in(database, staff, status)
    keys = {"COURSE": course.id, "MODULE": course.modules[0], "LESSON": course.lessons[0], "SLUG": "course"}
    for name, (document, path) in BY_KEY.items():
        text = document
        for word, key in keys.items():
            text = text.replace(word, f'"{key}"')
        for role in ROLES:
            seen = found(await api(text, staff.actor(role)), path) is not None
            assert seen == (status != "draft" or role in TEACHERS | {"admin"}), (name, role)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("role", ROLES)
async def test_in_lists(api: Api, database: Database, staff: Staff, status: str, role: str) -> None:
    course = await course_in(database, staff, status)
    actor = staff.actor(role)
    shown = [{"id": course.id}] if status == "published" else []
    for order in ("NEWEST", "BEST_RATED", "MOST_ENROLLED", "TITLE"):
        data = await api(
            f'{{ courses(first: 9, orderBy: {order}, filter: {{ instructorId: "{staff.lead.id}" }}) '
            "{ nodes { id } edges { node { id } } totalCount } }",
            actor,
        )
        assert data["courses"] == {
            "nodes": shown,
            "edges": [{"node": node} for node in shown],
            "totalCount": len(shown),
        }
    data = await api("{ featuredCourses(first: 9) { id } }", actor)
    assert data["featuredCourses"] == shown
    data = await api("{ viewer { taughtCourses(first: 9) { nodes { id } edges { node { id } } } } }", actor)
    taught = [{"id": course.id}] if role in TEACHERS else []
    expected = {"taughtCourses": {"nodes": taught, "edges": [{"node": node} for node in taught]}}
    assert data["viewer"] == (None if role == "anonymous" else expected)


@pytest.mark.parametrize("role", ["lead", "colleague", "admin"])
async def test_payloads_show_drafts_to_who_changes_them(
    api: Api, database: Database, staff: Staff, role: str
) -> None:
    course = await course_in(database, staff, "draft")
    payload = await api.change(
        "updateLesson",
        staff.actor(role),
        "lesson { body { source } module { id } course { id status modules { id } lessons(first: 1) { nodes { id } } } }",
        lessonId=course.lessons[0],
        expectedVersion=1,
    )
    assert payload["lesson"] == {
        "body": {"source": "Read this."},
        "module": {"id": course.modules[0]},
        "course": {
            "id": course.id,
            "status": "DRAFT",
            "modules": [{"id": course.modules[0]}],
            "lessons": {"nodes": [{"id": course.lessons[0]}]},
        },
    }


async def test_a_draft_and_nothing_look_the_same(api: Api, database: Database, staff: Staff) -> None:
    course = await course_in(database, staff, "draft")
    document = "query ($id: ID!) { course(id: $id) { id } node(id: $id) { id } nodes(ids: [$id]) { id } }"
    draft = await api.ask(document, staff.stranger.actor, id=course.id)
    nothing = await api.ask(document, staff.stranger.actor, id=f"{course.id[:-2]}==")
    assert (draft.data, draft.errors) == (nothing.data, nothing.errors)
