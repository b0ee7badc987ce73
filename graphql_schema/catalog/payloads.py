"""What the catalogue's payloads share: the object as it now is, read after the commit, and the errors."""

import strawberry

from graphql_schema.catalog.types import Course, Lesson, Module
from graphql_schema.edges import edge
from graphql_schema.mutation import UserError, user_errors
from graphql_schema.permissions import PUBLIC, policy


# The three are never named in the schema themselves; each mutation's payload is a type of its own made from them.
@strawberry.type
@policy(PUBLIC)
class CoursePayload:
    course_id: strawberry.Private[int | None] = None
    course: Course | None = edge(
        lambda loaders: loaders.catalog.course,
        key="course_id",
        description="As it now is; null when there are errors.",
    )
    user_errors: list[UserError] = user_errors()


@strawberry.type
@policy(PUBLIC)
class ModulePayload:
    module_id: strawberry.Private[int | None] = None
    module: Module | None = edge(
        lambda loaders: loaders.catalog.module,
        key="module_id",
        description="As it now is; null when there are errors.",
    )
    user_errors: list[UserError] = user_errors()


@strawberry.type
@policy(PUBLIC)
class LessonPayload:
    lesson_id: strawberry.Private[int | None] = None
    lesson: Lesson | None = edge(
        lambda loaders: loaders.catalog.lesson,
        key="lesson_id",
        description="As it now is; null when there are errors.",
    )
    user_errors: list[UserError] = user_errors()
