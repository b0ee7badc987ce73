"""Courses, modules and lessons for tests, made through the services, as users make them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app.catalog import service
from app.catalog.models import LessonKind
from app.catalog.service import LessonContent
from app.database import Base, Database, Query
from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from graphql_schema.errors import report
from graphql_schema.node import global_id
from tests.factories.identity import MadeUser, make_user
from tests.support.api import Answer


@dataclass(frozen=True)
class MadeCourse:
    number: int
    module_numbers: list[int]
    lesson_numbers: list[int]

    @property
    def id(self) -> str:
        return global_id("Course", self.number)

    @property
    def modules(self) -> list[str]:
        return [global_id("Module", number) for number in self.module_numbers]

    @property
    def lessons(self) -> list[str]:
        return [global_id("Lesson", number) for number in self.lesson_numbers]


async def make_course(
    database: Database,
    actor: Actor,
    *,
    title: str = "A course",
    lessons: Sequence[int] = (1,),
    published: bool = True,
    **details: str,
) -> MadeCourse:
    """A course with one module for each number in `lessons`, and that many pages in it."""
    async with database.transaction() as tx:
        course = await service.create_course(tx, actor, title=title, **details)
        modules = []
        made = []
        for number, count in enumerate(lessons, 1):
            module = await service.add_module(tx, actor, course_id=course, title=f"Module {number}")
            modules.append(module)
            for lesson in range(1, count + 1):
                content = LessonContent(title=f"Lesson {number}.{lesson}", body="Read this.")
                made.append(
                    await service.add_lesson(
                        tx, actor, module_id=module, kind=LessonKind.PAGE, content=content
                    )
                )
        if published:
            await service.publish_course(tx, actor, course_id=course)
    return MadeCourse(course, modules, made)


@dataclass(frozen=True)
class Staff:
    """Everybody a rule of the catalogue may tell apart."""

    admin: MadeUser
    lead: MadeUser
    colleague: MadeUser
    """Teaches a course beside its lead, once `make_course_of` has added them."""
    stranger: MadeUser
    """An instructor of other courses."""
    student: MadeUser

    def actor(self, role: str) -> Actor:
        user: MadeUser | None = getattr(self, role, None)
        return ANONYMOUS if user is None else user.actor


async def make_staff(database: Database) -> Staff:
    return Staff(
        admin=await make_user(database, Role.ADMIN),
        lead=await make_user(database, Role.INSTRUCTOR, name="Lea Lead"),
        colleague=await make_user(database, Role.INSTRUCTOR),
        stranger=await make_user(database, Role.INSTRUCTOR),
        student=await make_user(database),
    )


async def make_course_of(database: Database, staff: Staff, **details: Any) -> MadeCourse:
    """A course that `staff.lead` leads and `staff.colleague` teaches too."""
    course = await make_course(database, staff.lead.actor, **details)
    # Not through the service, which would tell them.
    await run(
        database,
        "INSERT INTO course_instructors (course_id, user_id) VALUES ($1, $2)",
        course.number,
        staff.colleague.number,
    )
    return course


async def run(database: Database, text: str, *values: Any) -> list[Any]:
    """Runs SQL in a transaction of its own."""
    async with database.transaction() as tx:
        return await tx.fetch_text(text, *values)


async def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in a fixed order; the audit log apart, which hears of refusals too."""
    return {
        table.name: [
            tuple(map(repr, row))
            for row in await database.fetch(Query(f"SELECT * FROM {table.name} ORDER BY 1, 2", (), {}))
        ]
        for table in Base.metadata.sorted_tables
        if table.name != "audit_log"
    }


@asynccontextmanager
async def nothing_written(database: Database) -> AsyncIterator[None]:
    """Fails when the block has changed a row of any table."""
    before = await everything(database)
    yield
    assert await everything(database) == before


def codes(answer: Answer) -> list[str]:
    """Codes of the top-level errors as clients get them. Nothing has run where an error has no path."""
    ran = all(error.path is not None for error in answer.errors)
    return [error["extensions"]["code"] for error in report(answer.errors, operation="test", ran=ran).errors]


@dataclass(frozen=True)
class Outline:
    """A course's structure as the database holds it."""

    modules: list[tuple[int, list[int]]]
    """(module, lessons), each in order."""
    flaws: list[str]
    """Gaps and duplicates in positions, wrong counts, lessons under another course: none, always."""


async def outline(database: Database, course: int) -> Outline:
    modules = await run(
        database, "SELECT id, position FROM modules WHERE course_id = $1 ORDER BY position", course
    )
    lessons = await run(
        database,
        "SELECT l.id, l.module_id, l.position, l.course_id FROM lessons l JOIN modules m ON m.id = l.module_id "
        "WHERE m.course_id = $1 ORDER BY l.position",
        course,
    )
    counted = await run(database, "SELECT lesson_count FROM course_stats WHERE course_id = $1", course)
    flaws = []
    if [module["position"] for module in modules] != list(range(1, len(modules) + 1)):
        flaws.append(f"modules at {[module['position'] for module in modules]}")
    found = []
    for module in modules:
        own = [lesson for lesson in lessons if lesson["module_id"] == module["id"]]
        if [lesson["position"] for lesson in own] != list(range(1, len(own) + 1)):
            flaws.append(f"lessons of {module['id']} at {[lesson['position'] for lesson in own]}")
        found.append((module["id"], [lesson["id"] for lesson in own]))
    if counted[0][0] != len(lessons):
        flaws.append(f"{len(lessons)} lessons counted as {counted[0][0]}")
    if any(lesson["course_id"] != course for lesson in lessons):
        flaws.append("a lesson names another course")
    return Outline(found, flaws)
