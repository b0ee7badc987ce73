"""What learners think of a course."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

import strawberry

from graphql_schema.edges import edge
from graphql_schema.fields import field
from graphql_schema.node import Node, global_id, is_node
from graphql_schema.pagination import Connection
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row

CourseReference = Annotated["Course", strawberry.lazy("graphql_schema.catalog.types")]  # type: ignore[name-defined] # noqa: F821


# Its author is a name and no account: students are not to be found by what they think.
@is_node(lambda loaders: loaders.learning.review, key=tuple)
@strawberry.type(
    description="A learner's review of a course. One that was removed is seen by its author and administrators alone."
)
@policy(PUBLIC)
class CourseReview(Node):
    course_id: strawberry.Private[int]
    rating: int = field(description="1 to 5 stars.")
    body: str = field(description="Plain text, up to 5,000 characters; may be empty.")
    author_name: str = field(description="Who wrote it.")
    is_viewers: bool = field(description="Whether it is the viewer's own.")
    created_at: datetime = field(description="When it was first written.")
    updated_at: datetime = field(description="When it was last changed.")
    removed_at: datetime | None = field(
        description="When an administrator removed it: it counts nowhere then and cannot be changed; null while it stands."
    )
    removal_reason: str | None = field(description="Why it was removed; null while it stands.")
    course: CourseReference | None = edge(
        lambda loaders: loaders.catalog.course,
        key="course_id",
        description="The course; null while it is a draft that the viewer may not see.",
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        course_id = row["course_id"]
        return cls(
            id=global_id("CourseReview", (course_id, row["user_id"])),
            course_id=course_id,
            rating=row["rating"],
            body=row["body"],
            author_name=row["author_name"],
            is_viewers=row["is_viewers"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            removed_at=row["removed_at"],
            removal_reason=row["removal_reason"],
        )


@strawberry.type(description="One page of reviews.")
@policy(PUBLIC)
class CourseReviewConnection(Connection[CourseReview]):
    pass


@strawberry.type(description="How often a course was given so many stars.")
@policy(PUBLIC)
class RatingCount:
    stars: int = field(description="1 to 5.")
    count: int = field(description="How many gave so many.")

    @classmethod
    def of_histogram(cls, histogram: Sequence[int]) -> list[Self]:
        return [cls(stars=stars, count=count) for stars, count in enumerate(histogram, 1)]
