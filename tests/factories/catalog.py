"""Courses, modules and lessons for tests, made through the services, as users make them."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.catalog import service
from app.catalog.models import LessonKind
from app.catalog.service import LessonContent
from app.database import Database
from app.identity.actor import Actor
from graphql_schema.node import global_id


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
                    await service.add_lesson(tx, actor, module_id=module, kind=LessonKind.PAGE, content=content)
                )
        if published:
            await service.publish_course(tx, actor, course_id=course)
    return MadeCourse(course, modules, made)
