"""Who sees what is in the lessons of a course, on every path that leads to one."""

from typing import Any

import pytest

from app.database import Database
from app.identity.actor import ANONYMOUS, Actor
from tests.factories.catalog import MadeCourse, Staff, make_course, make_course_of, run
from tests.factories.identity import MadeUser, make_user
from tests.factories.learning import completed, enrolled, enrollment_id, policy, withdrawn
from tests.support.api import Api

STAFF = ("lead", "colleague", "admin")
LEARNERS = ("enrolled", "completed")
WITH_ROW = (*LEARNERS, "waitlisted", "withdrawn")
ROLES = ("anonymous", "student", "elsewhere", "stranger", *WITH_ROW, *STAFF)
BODY, ADDRESS = {"source": "B", "html": "<p>B</p>\n"}, "https://example.org"
LESSONS: tuple[dict[str, Any], ...] = (
    {"kind": "PAGE", "body": "B"},
    {"kind": "PAGE", "body": "B", "isPreview": True},
    {"kind": "LINK", "externalUrl": ADDRESS},
    {"kind": "LINK", "externalUrl": ADDRESS, "isPreview": True},
    {"kind": "VIDEO", "video": {"durationSeconds": 5}, "body": "B"},
)
OUTLINE = "title video { durationSeconds }"
PAGE = f"lessons(first: 9) {{ nodes {{ kind isPreview externalUrl {OUTLINE} body {{ source html }} }} }}"
NODE = f"kind isPreview externalUrl {OUTLINE} body {{ source html }}"

# A document in which capitals stand for ids, the way to the lessons, and who can go it at all.
PATHS: dict[str, tuple[str, list[str | int], tuple[str, ...]]] = {
    "course": (f"{{ course(id: COURSE) {{ {PAGE} }} }}", ["course", "lessons", "nodes"], ROLES),
    "course by slug": (f'{{ course(slug: "course") {{ {PAGE} }} }}', ["course", "lessons", "nodes"], ROLES),
    "modules": (
        f"{{ course(id: COURSE) {{ modules {{ {PAGE} }} }} }}",
        ["course", "modules", 0, "lessons", "nodes"],
        ROLES,
    ),
    "listed": (
        f"{{ courses(first: 1, orderBy: TITLE) {{ nodes {{ {PAGE} }} }} }}",
        ["courses", "nodes", 0, "lessons", "nodes"],
        ROLES,
    ),
    "listed, by edges": (
        f"{{ courses(first: 1, orderBy: TITLE) {{ edges {{ node {{ {PAGE} }} }} }} }}",
        ["courses", "edges", 0, "node", "lessons", "nodes"],
        ROLES,
    ),
    "featured": (
        f"{{ featuredCourses(first: 1) {{ {PAGE} }} }}",
        ["featuredCourses", 0, "lessons", "nodes"],
        ROLES,
    ),
    "node of the course": (
        f"{{ node(id: COURSE) {{ ... on Course {{ {PAGE} }} }} }}",
        ["node", "lessons", "nodes"],
        ROLES,
    ),
    "node of the module": (
        f"{{ node(id: MODULE) {{ ... on Module {{ {PAGE} }} }} }}",
        ["node", "lessons", "nodes"],
        ROLES,
    ),
    "nodes": (f"{{ nodes(ids: [LESSONS]) {{ ... on Lesson {{ {NODE} }} }} }}", ["nodes"], ROLES),
    "back from a lesson": (
        f"{{ node(id: LESSON) {{ ... on Lesson {{ module {{ course {{ {PAGE} }} }} }} }} }}",
        ["node", "module", "course", "lessons", "nodes"],
        ROLES,
    ),
    "back from a lesson to its module": (
        f"{{ node(id: LESSON) {{ ... on Lesson {{ module {{ {PAGE} }} }} }} }}",
        ["node", "module", "lessons", "nodes"],
        ROLES,
    ),
    "prerequisite": (
        f"{{ course(id: NEXT) {{ prerequisites {{ {PAGE} }} }} }}",
        ["course", "prerequisites", 0, "lessons", "nodes"],
        ROLES,
    ),
    "own enrolment": (
        f"{{ course(id: COURSE) {{ viewerEnrollment {{ course {{ {PAGE} }} }} }} }}",
        ["course", "viewerEnrollment", "course", "lessons", "nodes"],
        WITH_ROW,
    ),
    "own enrolments": (
        f"{{ viewer {{ enrollments(first: 1) {{ nodes {{ course {{ {PAGE} }} }} }} }} }}",
        ["viewer", "enrollments", "nodes", 0, "course", "lessons", "nodes"],
        WITH_ROW,
    ),
    "node of the own enrolment": (
        f"{{ node(id: ENROLLMENT) {{ ... on Enrollment {{ course {{ {PAGE} }} }} }} }}",
        ["node", "course", "lessons", "nodes"],
        WITH_ROW,
    ),
    "learners": (
        f"{{ course(id: COURSE) {{ enrollments(first: 1) {{ nodes {{ course {{ {PAGE} }} }} }} }} }}",
        ["course", "enrollments", "nodes", 0, "course", "lessons", "nodes"],
        STAFF,
    ),
    "taught": (
        f"{{ viewer {{ taughtCourses(first: 9) {{ nodes {{ {PAGE} }} }} }} }}",
        ["viewer", "taughtCourses", "nodes", 0, "lessons", "nodes"],
        ("lead", "colleague"),
    ),
}


class World:
    """A course, and somebody in each relation to it."""

    def __init__(
        self, staff: Staff, course: MadeCourse, after: MadeCourse, people: dict[str, MadeUser]
    ) -> None:
        self.staff, self.course, self.after, self.people = staff, course, after, people

    def actor(self, role: str) -> Actor:
        if role == "anonymous":
            return ANONYMOUS
        return self.people[role].actor if role in self.people else self.staff.actor(role)

    def text(self, document: str, role: str) -> str:
        keys = {
            "LESSONS": ", ".join(f'"{lesson}"' for lesson in self.course.lessons),
            "LESSON": f'"{self.course.lessons[0]}"',
            "COURSE": f'"{self.course.id}"',
            "MODULE": f'"{self.course.modules[0]}"',
            "NEXT": f'"{self.after.id}"',
            "ENROLLMENT": f'"{enrollment_id(self.people[role], self.course)}"'
            if role in self.people
            else '""',
        }
        for word, key in keys.items():
            document = document.replace(word, key)
        return document


@pytest.fixture
async def world(api: Api, database: Database, staff: Staff) -> World:
    made = await make_course_of(database, staff, title="Course", lessons=(0,), published=False)
    lessons = []
    for given in LESSONS:
        payload = await api.change(
            "addLesson", staff.lead.actor, "lesson { id }", moduleId=made.modules[0], title="T", **given
        )
        lessons.append(payload["lesson"]["id"])
    await api.change("publishCourse", staff.lead.actor, courseId=made.id)
    await api.change("setCourseFeatured", staff.admin.actor, courseId=made.id, featured=True)
    rows = await run(database, "SELECT id FROM lessons WHERE course_id = $1 ORDER BY position", made.number)
    course = MadeCourse(made.number, made.module_numbers, [row["id"] for row in rows])
    assert course.lessons == lessons
    people = {role: await make_user(database) for role in ("student", "elsewhere", *WITH_ROW)}
    elsewhere = await make_course(database, staff.stranger.actor, title="Elsewhere")
    await enrolled(api.resources, people["elsewhere"], elsewhere)
    for role in ("enrolled", "completed", "withdrawn"):
        await enrolled(api.resources, people[role], course)
    await completed(database, people["completed"], course)
    await withdrawn(api.resources, people["withdrawn"], course)
    await policy(api.resources, staff.lead, course, capacity=2)
    await enrolled(api.resources, people["waitlisted"], course)
    after = await make_course(database, staff.stranger.actor, title="Next")
    await run(database, "INSERT INTO course_prerequisites VALUES ($1, $2)", after.number, course.number)
    return World(staff, course, after, people)


def found(data: Any, path: list[str | int]) -> Any:
    for step in path:
        if data is None or data == []:
            return None
        data = data[step]
    return data


def content(*, sees: bool) -> list[tuple[Any, ...]]:
    return [
        ("PAGE", False, None, BODY if sees else None),
        ("PAGE", True, None, BODY),
        ("LINK", False, ADDRESS if sees else None, None),
        ("LINK", True, ADDRESS, None),
        ("VIDEO", False, None, BODY if sees else None),
    ]


@pytest.mark.parametrize("status", ["published", "archived", "draft"])
async def test_content(api: Api, database: Database, world: World, status: str) -> None:
    await run(database, "UPDATE courses SET status = $2 WHERE id = $1", world.course.number, status)
    await api.resources.cache.forget([f"course_card:public:{world.course.number}"])
    for name, (document, path, passing) in PATHS.items():
        if status != "published" and name in {"listed", "listed, by edges", "featured"}:
            continue
        for role in ROLES:
            rows = found(await api(world.text(document, role), world.actor(role)), path)
            if role not in passing or (status == "draft" and role not in STAFF):
                assert not [row for row in rows or () if row and row["title"] == "T"], (name, role)
                continue
            assert [
                (row["kind"], row["isPreview"], row["externalUrl"], row["body"]) for row in rows
            ] == content(sees=role in {*STAFF, *LEARNERS}), (name, role)
            # The outline is everybody's.
            assert [row["video"] for row in rows] == [None] * 4 + [{"durationSeconds": 5.0}]
            assert {row["title"] for row in rows} == {"T"}


async def test_an_instructor_who_teaches_no_longer(api: Api, database: Database, world: World) -> None:
    """By the role in the token, also where the course still names them."""
    document, path, _ = PATHS["nodes"]
    former = await make_user(database)
    await run(database, "INSERT INTO course_instructors VALUES ($1, $2)", world.course.number, former.number)
    rows = found(await api(world.text(document, "student"), former.actor), path)
    assert [(row["kind"], row["isPreview"], row["externalUrl"], row["body"]) for row in rows] == content(
        sees=False
    )


async def test_content_opens_and_closes_with_the_enrolment(
    api: Api, database: Database, world: World
) -> None:
    document = f"""mutation ($input: EnrollInput!, $out: WithdrawInput!) {{
        enroll(input: $input) {{ course {{ {PAGE} }} }} withdraw(input: $out) {{ course {{ {PAGE} }} }} }}"""
    actor = world.people["student"].actor
    await policy(api.resources, world.staff.lead, world.course, capacity=None)
    given = {"courseId": world.course.id}
    data = await api(document, actor, input=given, out=given)
    for verb, sees in (("enroll", True), ("withdraw", False)):
        rows = data[verb]["course"]["lessons"]["nodes"]
        assert [(row["kind"], row["isPreview"], row["externalUrl"], row["body"]) for row in rows] == content(
            sees=sees
        ), verb


@pytest.mark.parametrize("role", ["student", "enrolled", "lead", "admin"])
async def test_a_hundred_lessons_cost_what_one_does(
    api: Api, database: Database, world: World, role: str
) -> None:
    document = "query ($id: ID!, $first: Int!) { course(id: $id) { lessons(first: $first) { nodes { externalUrl body { html } } } } }"
    course = await make_course(database, world.staff.lead.actor, lessons=(100,))
    await enrolled(api.resources, world.people["enrolled"], course)
    sent = []
    for first in (1, 100):
        await api.resources.cache.forget([f"course_card:public:{course.number}"])
        answer = await api.ask(document, world.actor(role), id=course.id, first=first)
        assert not answer.errors
        nodes = answer.data["course"]["lessons"]["nodes"]
        assert len(nodes) == first
        assert {node["body"] is not None for node in nodes} == {role != "student"}
        sent.append(len(answer.statements))
    assert sent == [3, 3], "the course, its lessons, their content"
