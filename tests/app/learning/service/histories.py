"""Random histories of a course and its learners, done through the services, and what must hold whatever has happened."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from app.catalog import service as catalog
from app.catalog.models import LessonKind
from app.catalog.service import LessonContent, VideoContent
from app.database import Transaction
from app.errors import DomainError
from app.learning import service
from app.learning.service import recomputing
from app.learning.service.completion import complete_lessons
from app.resources import Resources
from tests.factories.catalog import run
from tests.factories.identity import MadeUser

# What a full recompute finds, from the rows alone.
_TRUTH = """
SELECT e.user_id, e.state, e.completed_at IS NOT NULL AS ever, e.lessons_completed AS kept, s.lesson_count,
       (SELECT count(*) FROM lesson_progress p JOIN lessons l ON l.id = p.lesson_id
        WHERE p.user_id = e.user_id AND l.course_id = e.course_id AND p.completed_at IS NOT NULL) AS counted,
       (SELECT count(*) FROM lesson_progress p WHERE p.user_id = e.user_id AND p.course_id = e.course_id
        AND NOT EXISTS (SELECT FROM lessons l WHERE l.id = p.lesson_id)) AS orphans,
       (SELECT count(*) FROM video_progress w JOIN video_metadata v ON v.id = w.video_id JOIN lessons l ON l.id = v.lesson_id
        LEFT JOIN lesson_progress p ON p.user_id = w.user_id AND p.lesson_id = l.id
        WHERE w.user_id = e.user_id AND l.course_id = e.course_id AND p.completed_at IS NULL
        AND w.watched_ms + 1 >= l.required_share * v.duration_ms) AS overlooked
FROM enrollments e JOIN course_stats s USING (course_id) WHERE e.course_id = $1 ORDER BY e.user_id
"""
_WATCH = """
INSERT INTO video_progress AS p
    (user_id, video_id, lesson_id, course_id, position_ms, position_at, position_sequence, watched, watched_ms)
VALUES ($1, $2, $3, $4, $5, now(), 1, int4multirange(int4range(0, $5)), $5)
ON CONFLICT (user_id, video_id) DO UPDATE SET watched_ms = greatest(p.watched_ms, excluded.watched_ms)
RETURNING watched_ms
"""


@dataclass
class History:
    """A course, and learners by number; an action that a rule refuses changes nothing and is no fault."""

    resources: Resources
    lead: MadeUser
    course: int
    learners: list[MadeUser]
    completed: set[int] = field(default_factory=set)
    """Who was seen to have completed the course: for ever."""

    async def act(self, verb: str, learner: int, place: int, amount: int) -> None:
        with suppress(DomainError):
            await getattr(self, verb)(self.learners[learner % len(self.learners)], place, amount)

    async def _do(self, action: Callable[[Transaction], Awaitable[Any]]) -> Any:
        async with self.resources.database.transaction() as tx:
            return await action(tx)

    async def _lessons(self) -> list[Any]:
        return await run(
            self.resources.database,
            "SELECT l.*, v.id AS video, v.duration_ms FROM lessons l JOIN modules m ON m.id = l.module_id"
            " LEFT JOIN video_metadata v ON v.lesson_id = l.id WHERE l.course_id = $1 ORDER BY m.position, l.position",
            self.course,
        )

    async def _lesson(self, place: int, kind: str | None = None) -> Any:
        found = [lesson for lesson in await self._lessons() if kind in (None, lesson["kind"])]
        if not found:
            raise DomainError("no such lesson")
        return found[place % len(found)]

    async def enroll(self, learner: MadeUser, _place: int, _amount: int) -> None:
        await self._do(
            lambda tx: service.enroll(tx, self.resources.notifier, learner.actor, course_id=self.course)
        )

    async def withdraw(self, learner: MadeUser, _place: int, _amount: int) -> None:
        await self._do(
            lambda tx: service.withdraw(tx, self.resources.notifier, learner.actor, course_id=self.course)
        )

    async def open(self, learner: MadeUser, place: int, _amount: int) -> None:
        lesson = await self._lesson(place)
        standing, _ = await self._standing(learner, lesson["id"])
        await self._do(lambda tx: service.open_lesson(tx, self.resources.notifier, standing))

    async def complete(self, learner: MadeUser, place: int, _amount: int) -> None:
        lesson = await self._lesson(place)
        standing, completion = await self._standing(learner, lesson["id"])
        await self._do(lambda tx: service.complete_lesson(tx, self.resources.notifier, standing, completion))

    async def _standing(self, learner: MadeUser, lesson: int) -> Any:
        resources = self.resources
        return await service.standing_of(resources.database, resources.progress_buffer, learner.actor, lesson)

    async def watch(self, learner: MadeUser, place: int, amount: int) -> None:
        """As a flush does: what is watched, then the lesson, if that was enough."""
        lesson = await self._lesson(place, "video")
        milliseconds = lesson["duration_ms"] * min(amount, 100) // 100

        async def flush(tx: Transaction) -> None:
            values = (learner.number, lesson["video"], lesson["id"], self.course, milliseconds)
            (row,) = await tx.fetch_text(_WATCH, *values)
            if row["watched_ms"] + 1 >= lesson["required_share"] * lesson["duration_ms"]:
                await complete_lessons(
                    tx,
                    self.resources.outbox,
                    user_ids=[learner.number],
                    lesson_ids=[lesson["id"]],
                    course_ids=[self.course],
                )

        await self._do(flush)

    async def add_lesson(self, _learner: MadeUser, place: int, amount: int) -> None:
        modules = await run(
            self.resources.database,
            "SELECT id FROM modules WHERE course_id = $1 ORDER BY position",
            self.course,
        )
        kind = (LessonKind.PAGE, LessonKind.VIDEO, LessonKind.LINK)[amount % 3]
        content = {
            LessonKind.PAGE: LessonContent(title="Page", body="Read."),
            LessonKind.VIDEO: LessonContent(title="Video", video=VideoContent(10)),
            LessonKind.LINK: LessonContent(title="Link", external_url="https://example.org"),
        }[kind]
        module = modules[place % len(modules)]["id"]
        await self._do(
            lambda tx: catalog.add_lesson(tx, self.lead.actor, module_id=module, kind=kind, content=content)
        )

    async def remove_lesson(self, _learner: MadeUser, place: int, _amount: int) -> None:
        lesson = await self._lesson(place)
        await self._do(lambda tx: catalog.remove_lesson(tx, self.lead.actor, lesson_id=lesson["id"]))

    async def remove_module(self, _learner: MadeUser, place: int, _amount: int) -> None:
        lesson = await self._lesson(place)
        await self._do(lambda tx: catalog.remove_module(tx, self.lead.actor, module_id=lesson["module_id"]))

    async def move_lesson(self, _learner: MadeUser, place: int, amount: int) -> None:
        lesson, other = await self._lesson(place), await self._lesson(amount)
        await self._do(
            lambda tx: catalog.move_lesson(
                tx, self.lead.actor, lesson_id=lesson["id"], module_id=other["module_id"], position=1
            )
        )

    async def change_rule(self, _learner: MadeUser, place: int, amount: int) -> None:
        await self._update(place, LessonContent(required_share=max(1, amount % 101) / 100))

    async def change_duration(self, _learner: MadeUser, place: int, amount: int) -> None:
        await self._update(place, LessonContent(video=VideoContent(1 + amount % 20)))

    async def _update(self, place: int, content: LessonContent) -> None:
        lesson = await self._lesson(place, "video")
        await self._do(
            lambda tx: catalog.update_lesson(
                tx,
                self.lead.actor,
                lesson_id=lesson["id"],
                expected_version=lesson["version"],
                content=content,
            )
        )

    async def recompute(self, _learner: MadeUser, _place: int, amount: int) -> None:
        """In chunks of a few learners."""
        place: recomputing.Place | None = recomputing.BEGINNING
        while place is not None:
            async with self.resources.database.transaction() as tx:
                place = await recomputing.recount_chunk(
                    tx,
                    self.resources.outbox,
                    course_id=self.course,
                    after=place,
                    found=recomputing.Recount(),
                    rows=1 + amount % 3,
                )

    async def flaws(self, *, settled: bool) -> list[str]:
        """None, ever; some only once the course has been recomputed after its last change (`settled`)."""
        found = []
        for row in await run(self.resources.database, _TRUTH, self.course):
            name = f"learner {row['user_id']} ({row['state']})"
            if row["user_id"] in self.completed and not row["ever"]:
                found.append(f"{name} lost their completion")
            if row["ever"] and row["user_id"] not in self.completed:
                self.completed.add(row["user_id"])
                if row["counted"] < row["lesson_count"]:
                    found.append(f"{name} completed {row['counted']} of {row['lesson_count']} lessons")
            if row["state"] not in ("active", "completed"):
                continue
            if not row["counted"] <= row["kept"]:
                found.append(f"{name} has {row['counted']} lessons, kept are {row['kept']}")
            if settled and row["kept"] != row["counted"]:
                found.append(f"{name} has {row['counted']} lessons, kept are {row['kept']} after a recompute")
            if settled and (row["orphans"] or row["overlooked"]):
                found.append(f"{name}: {row['orphans']} orphans, {row['overlooked']} lessons overlooked")
            if settled and row["state"] == "active" and row["counted"] >= row["lesson_count"] > 0:
                found.append(f"{name} has done all {row['lesson_count']} lessons")
        repeated = await run(
            self.resources.database,
            "SELECT user_id, generation FROM enrollment_events WHERE course_id = $1 AND kind = 'completed'"
            " GROUP BY 1, 2 HAVING count(*) > 1",
            self.course,
        )
        return [*found, *(f"learner {row['user_id']} completed twice" for row in repeated)]
