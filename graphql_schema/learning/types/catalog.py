"""What learning adds to the catalogue's types. Types of learning itself are named lazily: they name the catalogue's."""

from typing import Annotated

import strawberry

from graphql_schema.edges import edge
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


VideoProgressReference = Annotated[
    "VideoProgress",  # type: ignore[name-defined] # noqa: F821
    strawberry.lazy("graphql_schema.learning.types.video_progress"),
]


@strawberry.type
@policy(PUBLIC)
class LearningVideo:
    """What learning puts into `Video`."""

    video_id: strawberry.Private[int]

    viewer_progress: VideoProgressReference | None = edge(
        lambda loaders: loaders.learning.viewer_progress,
        key="video_id",
        description="How far the viewer is in it, as reported a moment ago; null when nothing was, or nobody is signed in.",
    )
