"""The order of modules and lessons: against a plain model, and while many change it at once."""

import asyncio
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.catalog import service
from app.catalog.errors import InvalidState, OrderMismatch
from app.catalog.models import LessonKind
from app.catalog.service import LessonContent
from app.database import Database
from app.identity.actor import Actor
from app.identity.models import Role
from tests.factories.catalog import MadeCourse, Staff, make_course, make_course_of, make_staff, outline
from tests.factories.identity import make_actor
from tests.support.api import Api

PLACES = st.one_of(st.none(), st.integers(1, 8))
OPERATIONS = st.one_of(
    st.tuples(st.just("add_module"), PLACES, st.just(0), st.just(0)),
    st.tuples(st.just("remove_module"), st.just(0), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("reorder_modules"), st.just(0), st.integers(0, 10**6), st.just(0)),
    st.tuples(st.just("add_lesson"), PLACES, st.integers(0, 9), st.just(0)),
    st.tuples(st.just("remove_lesson"), st.just(0), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("move_lesson"), PLACES, st.integers(0, 9), st.integers(0, 9)),
    st.tuples(st.just("reorder_lessons"), st.just(0), st.integers(0, 9), st.integers(0, 10**6)),
)


class Model:
    """A published course as a list of modules, each a list of lessons, and the same steps done to the database."""

    def __init__(self, database: Database, actor: Actor, course: int) -> None:
        self.database = database
        self.actor = actor
        self.course = course
        self.modules: list[tuple[int, list[int]]] = []

    async def step(self, verb: str, place: int | None, which: int, other: int) -> None:
        step = getattr(self, verb)
        try:
            async with self.database.transaction() as tx:
                await step(tx, place, which, other)
        except InvalidState:
            # Only its last lesson may not go.
            assert verb in {"remove_lesson", "remove_module"}
            assert sum(len(lessons) for _, lessons in self.modules) <= (
                1 if verb == "remove_lesson" else len(self.chosen(which)[1])
            )

    def chosen(self, which: int) -> tuple[int, list[int]]:
        return self.modules[which % len(self.modules)]

    def lesson(self, which: int) -> tuple[list[int], int]:
        """Its module's lessons, and itself."""
        everywhere = [(lessons, lesson) for _, lessons in self.modules for lesson in lessons]
        return everywhere[which % len(everywhere)]

    @staticmethod
    def put(into: list[Any], place: int | None, what: Any) -> None:
        into.insert(len(into) if place is None else place - 1, what)

    async def add_module(self, tx: Any, place: int | None, _which: int, _other: int) -> None:
        made = await service.add_module(tx, self.actor, course_id=self.course, title="M", position=place)
        self.put(self.modules, place, (made, []))

    async def remove_module(self, tx: Any, _place: int | None, which: int, _other: int) -> None:
        module = self.chosen(which)
        await service.remove_module(tx, self.actor, module_id=module[0])
        self.modules.remove(module)

    async def reorder_modules(self, tx: Any, _place: int | None, which: int, _other: int) -> None:
        wanted = random.Random(which).sample(self.modules, len(self.modules))
        ids = [module for module, _ in wanted]
        await service.reorder_modules(tx, self.actor, course_id=self.course, module_ids=ids)
        self.modules = wanted

    async def add_lesson(self, tx: Any, place: int | None, which: int, _other: int) -> None:
        module, lessons = self.chosen(which)
        made = await service.add_lesson(
            tx,
            self.actor,
            module_id=module,
            kind=LessonKind.QUIZ,
            content=LessonContent(title="L"),
            position=place,
        )
        self.put(lessons, place, made)

    async def remove_lesson(self, tx: Any, _place: int | None, which: int, _other: int) -> None:
        lessons, lesson = self.lesson(which)
        await service.remove_lesson(tx, self.actor, lesson_id=lesson)
        lessons.remove(lesson)

    async def move_lesson(self, tx: Any, place: int | None, which: int, other: int) -> None:
        lessons, lesson = self.lesson(which)
        module, target = self.chosen(other)
        await service.move_lesson(tx, self.actor, lesson_id=lesson, module_id=module, position=place)
        lessons.remove(lesson)
        self.put(target, place, lesson)

    async def reorder_lessons(self, tx: Any, _place: int | None, which: int, other: int) -> None:
        module, lessons = self.chosen(which)
        wanted = random.Random(other).sample(lessons, len(lessons))
        await service.reorder_lessons(tx, self.actor, module_id=module, lesson_ids=wanted)
        lessons[:] = wanted


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(operations=st.lists(OPERATIONS, min_size=5, max_size=25))
async def test_any_sequence_of_changes(
    database: Database, operations: list[tuple[str, int | None, int, int]]
) -> None:
    actor = await make_actor(database, Role.INSTRUCTOR)
    course = await make_course(database, actor, lessons=(2, 1))
    model = Model(database, actor, course.number)
    model.modules = (await outline(database, course.number)).modules
    for operation in operations:
        await model.step(*operation)
        found = await outline(database, course.number)
        assert found.flaws == []
        assert found.modules == model.modules


@pytest.fixture
async def staff(database: Database) -> Staff:
    return await make_staff(database)


class Crowd:
    """Twenty who change one course at once; only what a race may bring is answered."""

    def __init__(self, api: Api, staff: Staff, course: MadeCourse) -> None:
        self.api = api
        self.staff = staff
        self.course = course
        self.removed_modules: set[str] = set()
        self.removed_lessons: set[str] = set()
        self.added_modules: set[str] = set()
        self.added_lessons: set[str] = set()
        self.codes: list[str] = []

    async def change(self, verb: str, selection: str = "", **values: Any) -> Any:
        payload = await self.api.change(verb, self.staff.lead.actor, selection, **values)
        codes = [error["code"] for error in payload["userErrors"]]
        assert set(codes) <= {"CONFLICT", "NOT_FOUND", "INVALID_STATE"}
        self.codes += codes
        return None if codes else payload

    async def add_module(self, luck: random.Random) -> None:
        payload = await self.change(
            "addModule", "module { id }", courseId=self.course.id, title="M", position=luck.randint(1, 6)
        )
        self.added_modules.add(payload["module"]["id"])

    async def remove_module(self, luck: random.Random) -> None:
        module = luck.choice(self.course.modules)
        if await self.change("removeModule", moduleId=module):
            self.removed_modules.add(module)

    async def reorder_modules(self, luck: random.Random) -> None:
        modules = luck.sample(self.course.modules, len(self.course.modules))
        await self.change("reorderModules", courseId=self.course.id, moduleIds=modules)

    async def add_lesson(self, luck: random.Random) -> None:
        payload = await self.change(
            "addLesson",
            "lesson { id }",
            moduleId=luck.choice(self.course.modules),
            title="L",
            kind="QUIZ",
            position=luck.randint(1, 6),
        )
        # The payload is read after the commit: the lesson may be gone again.
        if payload and payload["lesson"]:
            self.added_lessons.add(payload["lesson"]["id"])

    async def remove_lesson(self, luck: random.Random) -> None:
        lesson = luck.choice(self.course.lessons)
        if await self.change("removeLesson", lessonId=lesson):
            assert lesson not in self.removed_lessons, "removed twice"
            self.removed_lessons.add(lesson)

    async def move_lesson(self, luck: random.Random) -> None:
        await self.change(
            "moveLesson",
            lessonId=luck.choice(self.course.lessons),
            moduleId=luck.choice(self.course.modules),
            position=luck.randint(1, 6),
        )

    async def reorder_lessons(self, luck: random.Random) -> None:
        await self.change(
            "reorderLessons",
            moduleId=self.course.modules[0],
            lessonIds=luck.sample(self.course.lessons[:4], 4),
        )


STRUCTURE = ["add_module", "reorder_modules", "add_lesson", "remove_lesson", "move_lesson", "reorder_lessons"]


@pytest.mark.parametrize("seed", range(4))
async def test_twenty_at_once(crowd_api: Api, database: Database, staff: Staff, seed: int) -> None:
    luck = random.Random(seed)
    course = await make_course_of(database, staff, lessons=(4, 4, 4, 4))
    crowd = Crowd(crowd_api, staff, course)
    # Every kind, and without removed modules the outcome can be told to the last lesson.
    verbs = [*STRUCTURE * 3, *luck.choices(STRUCTURE, k=2)]
    luck.shuffle(verbs)
    await asyncio.gather(*(getattr(crowd, verb)(random.Random(luck.random())) for verb in verbs))

    found = await outline(database, course.number)
    assert found.flaws == []
    data = await crowd_api(
        "query ($id: ID!) { course(id: $id) { modules { id } lessons(first: 100) { nodes { id } } } }",
        id=course.id,
    )
    assert {module["id"] for module in data["course"]["modules"]} == set(course.modules) | crowd.added_modules
    assert {lesson["id"] for lesson in data["course"]["lessons"]["nodes"]} == (
        set(course.lessons) - crowd.removed_lessons
    ) | crowd.added_lessons


@pytest.mark.parametrize("seed", range(4))
async def test_twenty_at_once_while_modules_go(
    crowd_api: Api, database: Database, staff: Staff, seed: int
) -> None:
    luck = random.Random(seed)
    course = await make_course_of(database, staff, lessons=(4, 4, 4, 4))
    crowd = Crowd(crowd_api, staff, course)
    verbs = [*STRUCTURE * 2, *["remove_module"] * 8]
    luck.shuffle(verbs)
    await asyncio.gather(*(getattr(crowd, verb)(random.Random(luck.random())) for verb in verbs))

    found = await outline(database, course.number)
    assert found.flaws == []
    assert sum(len(lessons) for _, lessons in found.modules) >= 1, "a published course keeps a lesson"
    data = await crowd_api("query ($id: ID!) { course(id: $id) { modules { id } } }", id=course.id)
    assert {module["id"] for module in data["course"]["modules"]} == (
        set(course.modules) - crowd.removed_modules
    ) | crowd.added_modules


async def test_of_twenty_reorders_the_last_counts(crowd_api: Api, database: Database, staff: Staff) -> None:
    course = await make_course_of(database, staff, lessons=(1, 1, 1, 1, 1))
    luck = random.Random(0)
    orders = [luck.sample(course.modules, 5) for _ in range(20)]
    payloads = await asyncio.gather(
        *(
            crowd_api.change("reorderModules", staff.lead.actor, courseId=course.id, moduleIds=order)
            for order in orders
        )
    )
    assert payloads == [{"userErrors": []}] * 20
    data = await crowd_api("query ($id: ID!) { course(id: $id) { modules { id position } } }", id=course.id)
    modules = data["course"]["modules"]
    assert [module["id"] for module in modules] in orders
    assert [module["position"] for module in modules] == [1, 2, 3, 4, 5]


async def test_of_all_lessons_removed_at_once_one_stays(
    crowd_api: Api, database: Database, staff: Staff
) -> None:
    course = await make_course_of(database, staff, lessons=(5, 5))
    payloads = await asyncio.gather(
        *(crowd_api.change("removeLesson", staff.lead.actor, lessonId=lesson) for lesson in course.lessons)
    )
    codes = [error["code"] for payload in payloads for error in payload["userErrors"]]
    assert codes == ["INVALID_STATE"]
    found = await outline(database, course.number)
    assert found.flaws == []
    assert sum(len(lessons) for _, lessons in found.modules) == 1


async def test_moves_across_two_courses_do_not_block_each_other(
    crowd_api: Api, database: Database, staff: Staff
) -> None:
    first, second = [await make_course_of(database, staff, lessons=(2,)) for _ in range(2)]
    payloads = await asyncio.gather(
        *(
            crowd_api.change(
                "moveLesson", staff.lead.actor, lessonId=one.lessons[0], moduleId=other.modules[0]
            )
            for one, other in [(first, second), (second, first)] * 10
        )
    )
    assert payloads == [{"userErrors": [{"code": "NOT_FOUND", "path": ["input", "moduleId"]}]}] * 20


async def test_a_list_of_something_else_is_a_conflict(database: Database, staff: Staff) -> None:
    course = await make_course(database, staff.lead.actor, lessons=(2,))
    with pytest.raises(OrderMismatch):
        async with database.transaction() as tx:
            await service.reorder_lessons(
                tx,
                staff.lead.actor,
                module_id=course.module_numbers[0],
                lesson_ids=[course.lesson_numbers[0]] * 2,
            )
