"""Finding courses."""

from typing import Annotated, Any

import strawberry
from graphql import GraphQLError

from app.catalog import reads
from app.catalog.models import CourseLevel
from app.catalog.reads import CourseFilter, CourseOrder
from app.catalog.reads.listing import cursor_of
from graphql_schema.catalog.types import Course
from graphql_schema.context import Info
from graphql_schema.node import number_of
from graphql_schema.pagination import AfterArgument, Connection, FirstArgument, check_first, decode_cursor
from graphql_schema.permissions import PUBLIC, policy

_NOBODY = 0
_TAUGHT_CURSOR = {"id": int}


def _findable(text: str) -> bool:
    """Whether the database can hold such a text at all: it has neither NUL nor halves of surrogate pairs."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


@strawberry.input(name="CourseFilter", description="Narrows `courses`; every field that is given must hold.")
class CourseFilterInput:
    category: str | None = strawberry.field(default=None, description="This subject area exactly.")
    level: CourseLevel | None = strawberry.field(default=None, description="This level.")
    language: str | None = strawberry.field(
        default=None, description="This language tag exactly, case ignored."
    )
    instructor_id: strawberry.ID | None = strawberry.field(default=None, description="Taught by this user.")
    minimum_rating: float | None = strawberry.field(
        default=None, description="Average rating at least this, 0 to 5."
    )

    def narrowed(self) -> CourseFilter:
        """Raises BAD_USER_INPUT for what the database cannot compare with."""
        if not _findable(f"{self.category}{self.language}"):
            raise GraphQLError(
                "A filter holds characters that no text has.", extensions={"code": "BAD_USER_INPUT"}
            )
        instructor = self.instructor_id
        return CourseFilter(
            category=self.category,
            level=self.level,
            language=None if self.language is None else self.language.strip().lower(),
            # An id of nobody finds nothing, as the id of somebody who teaches nothing does.
            instructor=None if instructor is None else number_of("User", instructor) or _NOBODY,
            minimum_rating=self.minimum_rating,
        )


@strawberry.type(description="One page of courses.")
@policy(PUBLIC)
class CourseConnection(Connection[Course]):
    narrowed: strawberry.Private[CourseFilter]

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="How many courses pass the filter, on all pages. Counted only when asked for."
    )
    async def total_count(self, info: Info) -> int:
        return await reads.count_courses(info.context.resources.database, self.narrowed)


@strawberry.type(description="One page of courses that somebody teaches.")
@policy(PUBLIC)
class TaughtCourseConnection(Connection[Course]):
    pass


async def _course(
    info: Info,
    id: Annotated[strawberry.ID | None, strawberry.argument(description="Its global id.")] = None,
    slug: Annotated[str | None, strawberry.argument(description="Its slug.")] = None,
) -> Course | None:
    context = info.context
    if (id is None) == (slug is None):
        raise GraphQLError("Give either `id` or `slug`.", extensions={"code": "BAD_USER_INPUT"})
    if id is not None:
        number = number_of("Course", id)
    elif slug is not None and _findable(slug):
        number = await reads.course_id_of_slug(context.resources.database, slug, context.actor)
    else:
        number = None
    row = None if number is None else await context.loaders.catalog.course.load(number)
    return None if row is None else Course.of(row)


async def _courses(
    info: Info,
    first: FirstArgument,
    after: AfterArgument = None,
    filter: Annotated[CourseFilterInput | None, strawberry.argument(description="Which courses.")] = None,
    order_by: Annotated[CourseOrder | None, strawberry.argument(description="In which order.")] = None,
) -> CourseConnection | None:
    check_first(first)
    order = order_by or CourseOrder.NEWEST
    narrowed = CourseFilter() if filter is None else filter.narrowed()
    columns = cursor_of(order)
    start: Any = None if after is None else decode_cursor(after, columns)
    rows = await reads.courses_page(info.context.resources.database, narrowed, order, first + 1, start)
    return CourseConnection.of_rows(
        rows, first, Course.of, ordered_by=tuple(columns), continued=start is not None, narrowed=narrowed
    )


async def _featured_courses(info: Info, first: FirstArgument) -> list[Course] | None:
    check_first(first)
    return [Course.of(row) for row in await info.context.loaders.catalog.featured_courses(first)]


@strawberry.type
class CatalogQueries:
    course: Course | None = strawberry.field(
        resolver=_course,
        description="A course by its id or its slug; null when there is none, or none for you.",
        metadata={"policy": PUBLIC},
    )
    courses: CourseConnection | None = strawberry.field(
        resolver=_courses, description="Published courses, page by page.", metadata={"policy": PUBLIC}
    )
    featured_courses: list[Course] | None = strawberry.field(
        resolver=_featured_courses,
        description="Published courses that an administrator put forward, the latest first.",
        metadata={"policy": PUBLIC},
    )


@strawberry.type
@policy(PUBLIC)
class CatalogViewer:
    """What the catalogue puts into `Viewer`."""

    user_id: strawberry.Private[int]

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="Every course the viewer teaches, drafts included, the latest first."
    )
    async def taught_courses(
        self, info: Info, first: FirstArgument, after: AfterArgument = None
    ) -> TaughtCourseConnection:
        check_first(first)
        start: Any = None if after is None else decode_cursor(after, _TAUGHT_CURSOR)
        rows = await reads.courses_taught_by(info.context.resources.database, self.user_id, first + 1, start)
        return TaughtCourseConnection.of_rows(
            rows, first, Course.of, ordered_by=tuple(_TAUGHT_CURSOR), continued=start is not None
        )
