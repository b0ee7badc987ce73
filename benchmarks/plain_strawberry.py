"""Plain Strawberry with aiodataloader, as their documentation shows it: async resolvers, loaders in the context.

No limits, no policies, no metrics. It has our pool without the reset query and our SQL, so that what differs is GraphQL.
"""

from base64 import b64encode
from collections import defaultdict
from typing import Any

import strawberry
from aiodataloader import DataLoader
from asyncpg import Record
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

from app.catalog.reads import content, listing
from app.catalog.reads.listing import CourseOrder
from app.identity import reads as identity_reads
from benchmarks.pool import Statements, application

_COURSES = listing._page_query(CourseOrder.NEWEST, frozenset(), continued=False)  # noqa: SLF001 - the same SQL is the point
_USERS = identity_reads.accounts._USERS_BY_ID  # noqa: SLF001
_LESSONS = content._LESSONS_OF_COURSES  # noqa: SLF001


def _identifier(type_name: str, number: int) -> strawberry.ID:
    return strawberry.ID(b64encode(f"{type_name}:{number}".encode()).decode())


@strawberry.type
class User:
    id: strawberry.ID
    name: str


@strawberry.type
class Lesson:
    id: strawberry.ID
    title: str
    duration_seconds: float | None


@strawberry.type
class LessonConnection:
    nodes: list[Lesson]


@strawberry.type
class Course:
    id: strawberry.ID
    number: strawberry.Private[int]
    instructor_id: strawberry.Private[int]
    slug: str
    title: str
    enrollment_count: int

    @strawberry.field
    async def instructor(self, info: strawberry.Info) -> User:
        return await info.context["users"].load(self.instructor_id)  # type: ignore[no-any-return]

    @strawberry.field
    async def lessons(self, info: strawberry.Info, first: int) -> LessonConnection:
        return LessonConnection(nodes=await info.context["lessons"].load((self.number, first)))


@strawberry.type
class CourseConnection:
    nodes: list[Course]


@strawberry.type
class Query:
    @strawberry.field
    async def courses(self, info: strawberry.Info, first: int) -> CourseConnection:
        context = info.context
        rows = await context["statements"].fetch(
            context["pool"], _COURSES.text, *_COURSES.arguments({"first": first})
        )
        return CourseConnection(
            nodes=[
                Course(
                    id=_identifier("Course", row["id"]),
                    number=row["id"],
                    instructor_id=row["instructor_id"],
                    slug=row["slug"],
                    title=row["title"],
                    enrollment_count=row["enrollment_count"],
                )
                for row in rows
            ]
        )


def _lesson(row: Record) -> Lesson:
    duration = row["duration_ms"]
    return Lesson(
        id=_identifier("Lesson", row["id"]),
        title=row["title"],
        duration_seconds=None if duration is None else duration / 1000,
    )


def _loaders(pool: Any, statements: Statements) -> dict[str, DataLoader[Any, Any]]:
    async def load_users(keys: list[int]) -> list[User | None]:
        rows = await statements.fetch(pool, _USERS.text, *_USERS.arguments({"ids": keys}))
        users = {row["id"]: User(id=_identifier("User", row["id"]), name=row["name"]) for row in rows}
        return [users.get(key) for key in keys]

    async def load_lessons(keys: list[tuple[int, int]]) -> list[list[Lesson]]:
        found: dict[tuple[int, int], list[Lesson]] = defaultdict(list)
        for first in {first for _, first in keys}:
            courses = [number for number, size in keys if size == first]
            values = {"keys": courses, "first": first}
            for row in await statements.fetch(pool, _LESSONS.text, *_LESSONS.arguments(values)):
                found[row["course_id"], first].append(_lesson(row))
        return [found[key] for key in keys]

    return {"users": DataLoader(load_users), "lessons": DataLoader(load_lessons)}


class _GraphQL(GraphQL[dict[str, Any], None]):
    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> dict[str, Any]:
        state = request.app.state
        return {
            "request": request,
            "response": response,
            "pool": state.pool,
            "statements": state.statements,
            **_loaders(state.pool, state.statements),
        }


def create_app(*, cached: bool = False) -> Starlette:
    """`cached` adds the parser's and the validation's cache, which Strawberry offers as extensions."""
    app = application()
    schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache] if cached else [])
    app.router.routes.append(Route("/graphql", _GraphQL(schema)))
    return app
