"""Courses: what the service itself promises, beside what the mutations' tests show."""

import asyncio

import pytest

from app.catalog import service
from app.catalog.errors import InvalidState
from app.database import Database
from app.errors import Forbidden
from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from tests.factories.catalog import make_course, nothing_written, run
from tests.factories.identity import make_actor
from tests.support.api import Api


async def slugs(database: Database) -> list[str]:
    return [row["slug"] for row in await run(database, "SELECT slug FROM courses ORDER BY id")]


async def create(database: Database, actor: Actor, title: str) -> None:
    async with database.transaction() as tx:
        await service.create_course(tx, actor, title=title)


async def test_thirty_courses_of_one_title_at_once(crowd_api: Api, database: Database) -> None:
    actor = await make_actor(database, Role.INSTRUCTOR)
    payloads = await asyncio.gather(
        *(
            crowd_api.change("createCourse", actor, "course { title slug }", title="Sourdough Bread")
            for _ in range(30)
        )
    )
    assert {payload["course"]["title"] for payload in payloads} == {"Sourdough Bread"}
    made = [payload["course"]["slug"] for payload in payloads]
    assert len(set(made)) == 30
    assert {"sourdough-bread", *(f"sourdough-bread-{number}" for number in range(2, 6))} < set(made)
    assert all(slug.startswith("sourdough-bread") for slug in made)


async def test_slugs_avoid_those_that_look_numbered(database: Database) -> None:
    actor = await make_actor(database, Role.INSTRUCTOR)
    for title in ("Bread 2", "Bread", "bread!", "BREAD"):
        await create(database, actor, title)
    assert await slugs(database) == ["bread-2", "bread", "bread-3", "bread-4"]


async def test_a_slug_outlives_its_title_and_is_not_given_again(database: Database) -> None:
    actor = await make_actor(database, Role.INSTRUCTOR)
    course = await make_course(database, actor, title="Old")
    async with database.transaction() as tx:
        await service.update_course(
            tx, actor, course_id=course.number, expected_version=1, changes={"title": "New"}
        )
    await create(database, actor, "Old")
    assert await slugs(database) == ["old", "old-2"]


@pytest.mark.parametrize("actor", [ANONYMOUS, Actor(1, Role.STUDENT), Actor(None, Role.ADMIN)])
async def test_only_teachers_create(database: Database, actor: Actor) -> None:
    async with nothing_written(database):
        with pytest.raises(Forbidden):
            await create(database, actor, "T")


async def test_a_level_of_its_own_making_is_no_level(database: Database) -> None:
    actor = await make_actor(database, Role.INSTRUCTOR)
    async with nothing_written(database):
        with pytest.raises(ValueError, match="hardest"):
            async with database.transaction() as tx:
                await service.create_course(tx, actor, title="T", level="hardest")


async def test_a_former_instructor_changes_nothing(database: Database) -> None:
    actor = await make_actor(database, Role.INSTRUCTOR)
    course = await make_course(database, actor)
    demoted = Actor(actor.user_id, Role.STUDENT)
    async with nothing_written(database):
        with pytest.raises(Forbidden):
            async with database.transaction() as tx:
                await service.unpublish_course(tx, demoted, course_id=course.number)


async def test_a_refusal_undoes_what_came_before_it(database: Database) -> None:
    actor = await make_actor(database, Role.INSTRUCTOR)
    course = await make_course(database, actor, lessons=(1,))

    async def change_twice() -> None:
        async with database.transaction() as tx:
            await service.add_module(tx, actor, course_id=course.number, title="M", position=1)
            await service.remove_lesson(tx, actor, lesson_id=course.lesson_numbers[0])

    async with nothing_written(database):
        with pytest.raises(InvalidState):
            await change_twice()
