"""Lessons: what the service itself promises, beside what the mutations' tests show."""

import threading

import pytest

from app.catalog import service
from app.catalog.models import BodyFormat, LessonKind
from app.catalog.service import LessonContent, lessons
from app.database import Database
from app.errors import DomainError
from app.identity.models import Role
from tests.factories.catalog import make_course, nothing_written
from tests.factories.identity import make_actor


async def test_texts_are_rendered_beside_the_loop(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A hostile text of 50,000 characters takes seconds, in which everybody else is to be served.
    threads = []

    def render(source: str, body_format: BodyFormat) -> str:
        threads.append(threading.get_ident())
        return source

    monkeypatch.setattr(lessons, "render", render)
    actor = await make_actor(database, Role.INSTRUCTOR)
    course = await make_course(database, actor, lessons=(1,))
    async with database.transaction() as tx:
        await service.update_lesson(
            tx,
            actor,
            lesson_id=course.lesson_numbers[0],
            expected_version=1,
            content=LessonContent(body="New"),
        )
        # What does not touch the text renders nothing.
        await service.update_lesson(
            tx,
            actor,
            lesson_id=course.lesson_numbers[0],
            expected_version=2,
            content=LessonContent(title="New"),
        )
    assert len(threads) == 2
    assert threading.get_ident() not in threads


async def test_a_lesson_needs_a_title(database: Database) -> None:
    actor = await make_actor(database, Role.INSTRUCTOR)
    course = await make_course(database, actor)
    async with nothing_written(database):
        with pytest.raises(DomainError) as caught:
            async with database.transaction() as tx:
                await service.add_lesson(
                    tx,
                    actor,
                    module_id=course.module_numbers[0],
                    kind=LessonKind.QUIZ,
                    content=LessonContent(),
                )
    assert caught.value.path == ("input", "title")
