"""Reviewing courses, and removing what does not belong there."""

import strawberry

from app.database import Transaction
from app.errors import DomainError, ErrorCode
from app.learning import service
from graphql_schema.catalog.payloads import CoursePayload
from graphql_schema.context import Context
from graphql_schema.edges import edge
from graphql_schema.learning.types.reviews import CourseReview
from graphql_schema.mutation import mutation
from graphql_schema.node import Pair, pair_of, required_number
from graphql_schema.permissions import ADMINISTRATOR, PUBLIC, SIGNED_IN, policy


@strawberry.input(description="The viewer's review of a course.")
class ReviewCourseInput:
    course_id: strawberry.ID = strawberry.field(
        description="A course in which the viewer has, or had, a seat."
    )
    rating: int = strawberry.field(description="1 to 5 stars.")
    body: str = strawberry.field(default="", description="Plain text, up to 5,000 characters.")


@strawberry.input(description="The review to remove.")
class RemoveReviewInput:
    review_id: strawberry.ID = strawberry.field(description="The review.")
    reason: str = strawberry.field(description="For its author, 1 to 500 characters.")


@strawberry.input(description="The review to restore.")
class RestoreReviewInput:
    review_id: strawberry.ID = strawberry.field(description="The review.")


@strawberry.type
@policy(PUBLIC)
class _ReviewPayload(CoursePayload):
    pair: strawberry.Private[Pair | None] = None
    review: CourseReview | None = edge(
        lambda loaders: loaders.learning.review,
        key="pair",
        description="As it now is; null when there are errors.",
    )


@strawberry.type(description="The review, and the course with its sums.")
class ReviewCoursePayload(_ReviewPayload):
    pass


@strawberry.type(description="The review, and the course with its sums.")
class RemoveReviewPayload(_ReviewPayload):
    pass


@strawberry.type(description="The review, and the course with its sums.")
class RestoreReviewPayload(_ReviewPayload):
    pass


async def review_course(tx: Transaction, context: Context, input: ReviewCourseInput) -> ReviewCoursePayload:
    actor = context.actor
    course_id = required_number("Course", input.course_id, "courseId")
    await service.review_course(
        tx, context.resources.metrics, actor, course_id=course_id, rating=input.rating, body=input.body
    )
    return ReviewCoursePayload(course_id=course_id, pair=(course_id, actor.user_id or 0))


async def remove_review(tx: Transaction, context: Context, input: RemoveReviewInput) -> RemoveReviewPayload:
    course_id, user_id = _required_review(input.review_id)
    await service.remove_review(
        tx,
        context.resources.metrics,
        context.actor,
        course_id=course_id,
        user_id=user_id,
        reason=input.reason,
    )
    return RemoveReviewPayload(course_id=course_id, pair=(course_id, user_id))


async def restore_review(
    tx: Transaction, context: Context, input: RestoreReviewInput
) -> RestoreReviewPayload:
    course_id, user_id = _required_review(input.review_id)
    await service.restore_review(
        tx, context.resources.metrics, context.actor, course_id=course_id, user_id=user_id
    )
    return RestoreReviewPayload(course_id=course_id, pair=(course_id, user_id))


def _required_review(identifier: strawberry.ID) -> Pair:
    pair = pair_of("CourseReview", identifier)
    if pair is None:
        raise DomainError("There is no such review.", code=ErrorCode.NOT_FOUND, path=("input", "reviewId"))
    return pair


@strawberry.type
class ReviewMutations:
    review_course = mutation(
        review_course,
        policy=SIGNED_IN,
        description="Reviews a course that the viewer learns, or learnt. Again changes the review.",
    )
    remove_review = mutation(
        remove_review,
        policy=ADMINISTRATOR,
        description="Takes a review out of lists and sums, and tells its author why. For administrators.",
    )
    restore_review = mutation(
        restore_review, policy=ADMINISTRATOR, description="Takes a removal back. For administrators."
    )
