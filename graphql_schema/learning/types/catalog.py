"""What learning adds to the catalogue's types. Types of learning itself are named lazily: they name the catalogue's."""

import strawberry

from graphql_schema.permissions import PUBLIC, policy


@strawberry.type
@policy(PUBLIC)
class LearningCourse:
    """What learning puts into `Course`."""

    course_id: strawberry.Private[int]


@strawberry.type
@policy(PUBLIC)
class LearningLesson:
    """What learning puts into `Lesson`."""

    lesson_id: strawberry.Private[int]
    course_id: strawberry.Private[int]
