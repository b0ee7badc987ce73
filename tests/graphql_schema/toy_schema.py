"""A schema with one field for everything that can happen, so that the machinery is tested apart from the domains."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import Enum

import strawberry
from graphql import GraphQLError

from app.errors import DomainError, ErrorCode, Forbidden, RateLimited, Unavailable
from app.settings import GraphQLSettings
from app.telemetry import Metrics
from graphql_schema.documents import Documents


@dataclass
class ToyContext:
    name: str = "nobody"
    written: list[str] = field(default_factory=list)


Info = strawberry.Info[ToyContext, None]


@strawberry.enum
class Level(Enum):
    EASY = "easy"
    HARD = "hard"


@strawberry.interface
class Thing:
    id: strawberry.ID


@strawberry.type
class User(Thing):
    name: str


@strawberry.type
class Course(Thing):
    title: str
    level: Level = Level.EASY

    @strawberry.field
    async def instructor(self) -> User:
        await asyncio.sleep(0)
        return User(id=strawberry.ID("u1"), name="Ada")

    @strawberry.field(metadata={"list_size": 4})  # type: ignore[untyped-decorator]
    def modules(self) -> list["Course"]:
        return []

    @strawberry.field
    def lessons(self, first: int) -> "CourseConnection":
        return make_page(first)

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("a secret")


@strawberry.type
class CourseEdge:
    node: Course
    cursor: str


@strawberry.type
class CourseConnection:
    nodes: list[Course]
    edges: list[CourseEdge]
    total_count: int


def make_page(first: int) -> CourseConnection:
    nodes = [Course(id=strawberry.ID(str(number)), title=f"Course {number}") for number in range(first)]
    edges = [CourseEdge(node=node, cursor=node.id) for node in nodes]
    return CourseConnection(nodes=nodes, edges=edges, total_count=first)


@strawberry.type
class Query:
    @strawberry.field
    def greet(self, name: str = "world", level: Level = Level.EASY, at: list[int] | None = None) -> str:
        return f"Hello, {name}, {level.value}!"

    @strawberry.field
    def whoami(self, info: Info) -> str:
        return info.context.name

    @strawberry.field
    def courses(self, first: int) -> CourseConnection | None:
        return make_page(first)

    @strawberry.field
    def featured(self, first: int = 7) -> list[Course]:
        return make_page(first).nodes

    @strawberry.field
    def nodes(self, ids: list[strawberry.ID]) -> list[Thing | None]:
        return [Course(id=identifier, title="A course") for identifier in ids]

    @strawberry.field
    def all(self) -> list[Course]:
        return []

    @strawberry.field
    def forbidden(self) -> str | None:
        raise Forbidden

    @strawberry.field
    def missing(self) -> str | None:
        raise DomainError("There is no such thing.", code=ErrorCode.NOT_FOUND)

    @strawberry.field
    async def unavailable(self) -> str | None:
        await asyncio.sleep(0)
        raise Unavailable("The database is busy.", retry_after_seconds=3)

    @strawberry.field
    def limited(self) -> str | None:
        raise RateLimited(42)

    @strawberry.field
    def bug(self) -> str | None:
        raise RuntimeError("a secret")

    @strawberry.field
    def spoken(self) -> str | None:
        raise GraphQLError("Said on purpose.")

    @strawberry.field
    def coded(self) -> str | None:
        raise GraphQLError("Sign in first.", extensions={"code": "UNAUTHENTICATED"})

    @strawberry.field
    def overflowing(self) -> int | None:
        return 2**40

    @strawberry.field
    def required(self) -> str:
        return None  # type: ignore[return-value]

    @strawberry.field
    async def slow(self) -> str:
        await asyncio.sleep(3600)
        return "late"


@strawberry.type
class ToyError:
    message: str


@strawberry.type
class Payload:
    done: str | None = None
    user_errors: list[ToyError] = strawberry.field(default_factory=list)


async def _write(info: Info, what: str = "x") -> Payload:
    info.context.written.append(what)
    await asyncio.sleep(0)
    info.context.written.append(f"{what} done")
    return Payload(done=what)


def _refuse() -> Payload:
    return Payload(user_errors=[ToyError(message="No.")])


@strawberry.type
class Mutation:
    login: Payload = strawberry.field(resolver=_write)
    register: Payload = strawberry.field(resolver=_write)
    refresh_session: Payload = strawberry.field(resolver=_write)
    write: Payload = strawberry.field(resolver=_write)
    refuse: Payload = strawberry.field(resolver=_refuse)


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self) -> AsyncIterator[int]:
        yield 1


TOY = strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription, types=[User])
TOY_SCHEMA = TOY._schema


class CacheMetrics:
    """The document cache's counter in a registry of its own."""

    def __init__(self) -> None:
        self.document_cache = Metrics().document_cache

    def looked_up(self) -> dict[str, float]:
        return {kind: self.document_cache.labels(kind)._value.get() for kind in ("hit", "miss")}


def documents(*, introspection: bool = True, metrics: CacheMetrics | None = None, **limits: int) -> Documents:
    settings = GraphQLSettings().model_copy(update=limits)
    return Documents(TOY_SCHEMA, settings, introspection=introspection, metrics=metrics or CacheMetrics())
