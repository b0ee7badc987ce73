"""What learners say of lessons."""

import strawberry

from app.database import Transaction
from app.learning import service
from graphql_schema.context import Context
from graphql_schema.edges import edge
from graphql_schema.learning.types.enrollments import Enrollment
from graphql_schema.learning.types.lesson_progress import LessonProgress
from graphql_schema.mutation import UserError, mutation, user_errors
from graphql_schema.node import Pair, required_number
from graphql_schema.permissions import PUBLIC, SIGNED_IN, policy


@strawberry.input(description="The lesson that was opened.")
class OpenLessonInput:
    lesson_id: strawberry.ID = strawberry.field(description="A lesson of a course that the viewer learns.")


@strawberry.input(description="The lesson that is done.")
class CompleteLessonInput:
    lesson_id: strawberry.ID = strawberry.field(description="A lesson of a course that the viewer learns.")


@strawberry.type
@policy(PUBLIC)
class _LessonProgressPayload:
    lesson_pair: strawberry.Private[Pair | None] = None
    enrollment_pair: strawberry.Private[Pair | None] = None
    lesson_progress: LessonProgress | None = edge(
        lambda loaders: loaders.learning.lesson_standing,
        key="lesson_pair",
        description="As it now is; null when there are errors.",
    )
    enrollment: Enrollment | None = edge(
        lambda loaders: loaders.learning.enrollment,
        key="enrollment_pair",
        description="With the course's progress as it now is; null when there are errors.",
    )
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="How far the viewer is with the lesson.")
class OpenLessonPayload(_LessonProgressPayload):
    pass


@strawberry.type(description="How far the viewer is with the lesson.")
class CompleteLessonPayload(_LessonProgressPayload):
    pass


async def open_lesson(tx: Transaction, context: Context, input: OpenLessonInput) -> OpenLessonPayload:
    resources = context.resources
    lesson_id = required_number("Lesson", input.lesson_id, "lessonId")
    standing, _ = await service.standing_of(
        resources.database, resources.progress_buffer, context.actor, lesson_id
    )
    await service.open_lesson(tx, resources.notifier, standing)
    user_id = standing["user_id"]
    return OpenLessonPayload(
        lesson_pair=(user_id, lesson_id), enrollment_pair=(user_id, standing["course_id"])
    )


async def complete_lesson(
    tx: Transaction, context: Context, input: CompleteLessonInput
) -> CompleteLessonPayload:
    resources = context.resources
    lesson_id = required_number("Lesson", input.lesson_id, "lessonId")
    standing, completion = await service.standing_of(
        resources.database, resources.progress_buffer, context.actor, lesson_id
    )
    await service.complete_lesson(tx, resources.notifier, standing, completion)
    user_id = standing["user_id"]
    return CompleteLessonPayload(
        lesson_pair=(user_id, lesson_id), enrollment_pair=(user_id, standing["course_id"])
    )


@strawberry.type
class LessonProgressMutations:
    open_lesson = mutation(
        open_lesson,
        policy=SIGNED_IN,
        description="Notes that the viewer has opened a lesson: where they go on next time. Completes a link.",
    )
    complete_lesson = mutation(
        complete_lesson,
        policy=SIGNED_IN,
        description="The viewer is done with a lesson. Again changes nothing. A video has to be watched, a quiz passed: "
        "what is missing is said.",
    )
