"""Making, changing, moving, removing and ordering lessons."""

import strawberry

from app.catalog import service
from app.catalog.models import BodyFormat, LessonKind
from app.catalog.service import LessonContent
from app.database import Transaction
from graphql_schema.catalog.mutations.videos import VideoInput
from graphql_schema.catalog.payloads import LessonPayload, ModulePayload
from graphql_schema.context import Context
from graphql_schema.fields import field
from graphql_schema.mutation import mutation
from graphql_schema.node import global_id, required_number, required_numbers
from graphql_schema.permissions import TEACHER

_BODY = "Its text, up to 50,000 characters; what is unsafe in it is removed. A page needs one."
_URL = "Where a link leads, http or https. A link needs one, nothing else may have one."


@strawberry.input(description="A new lesson.")
class AddLessonInput:
    module_id: strawberry.ID = strawberry.field(description="The module it becomes part of.")
    title: str = strawberry.field(description="1 to 200 characters.")
    kind: LessonKind = strawberry.field(description="What it is; this cannot be changed later.")
    position: int | None = strawberry.field(
        default=None, description="Its place, from 1; at the end when left out."
    )
    is_preview: bool = strawberry.field(
        default=False, description="Whether its content is open to everybody."
    )
    body: str | None = strawberry.field(default=None, description=_BODY)
    body_format: BodyFormat = strawberry.field(
        default=BodyFormat.MARKDOWN, description="How the body is written."
    )
    external_url: str | None = strawberry.field(default=None, description=_URL)
    video: VideoInput | None = strawberry.field(default=None, description="A video lesson needs one.")
    required_share: float | None = strawberry.field(
        default=None,
        description="How much of the video's distinct time completes it, 0.01 to 1; 0.95 when left out.",
    )


@strawberry.input(description="Changes of a lesson; what is left out or null stays as it is.")
class UpdateLessonInput:
    lesson_id: strawberry.ID = strawberry.field(description="The lesson.")
    expected_version: int = strawberry.field(
        description="The version you last saw; a stale one is a CONFLICT."
    )
    title: str | None = strawberry.field(default=None, description="1 to 200 characters.")
    is_preview: bool | None = strawberry.field(
        default=None, description="Whether its content is open to everybody."
    )
    body: str | None = strawberry.field(default=None, description=f"{_BODY} An empty one takes it away.")
    body_format: BodyFormat | None = strawberry.field(default=None, description="How the body is written.")
    external_url: str | None = strawberry.field(default=None, description=_URL)
    video: VideoInput | None = strawberry.field(default=None, description="For a video lesson.")
    required_share: float | None = strawberry.field(
        default=None,
        description="How much of the video's distinct time completes it, 0.01 to 1. Nobody's completion is taken away.",
    )


@strawberry.input(description="A lesson's new place.")
class MoveLessonInput:
    lesson_id: strawberry.ID = strawberry.field(description="The lesson.")
    module_id: strawberry.ID = strawberry.field(description="A module of the same course.")
    position: int | None = strawberry.field(
        default=None, description="Its place, from 1; at the end when left out."
    )


@strawberry.input(description="The lesson to remove.")
class RemoveLessonInput:
    lesson_id: strawberry.ID = strawberry.field(description="The lesson.")


@strawberry.input(description="The order of a module's lessons.")
class ReorderLessonsInput:
    module_id: strawberry.ID = strawberry.field(description="The module.")
    lesson_ids: list[strawberry.ID] = strawberry.field(
        description="Every lesson of the module, each once, in order."
    )


@strawberry.type(description="The new lesson.")
class AddLessonPayload(LessonPayload):
    pass


@strawberry.type(description="The changed lesson.")
class UpdateLessonPayload(LessonPayload):
    pass


@strawberry.type(description="The lesson at its new place.")
class MoveLessonPayload(LessonPayload):
    pass


@strawberry.type(description="The module without the lesson.")
class RemoveLessonPayload(ModulePayload):
    # Normalised caches drop an object by its id; Relay's @deleteRecord finds the id nowhere but in the answer.
    removed_lesson_id: strawberry.ID | None = field(
        description="The lesson that is gone, for clients to forget; null when there are errors.",
        default=None,
    )


@strawberry.type(description="The module with its lessons in the new order.")
class ReorderLessonsPayload(ModulePayload):
    pass


async def _content(context: Context, input: AddLessonInput | UpdateLessonInput) -> LessonContent:
    """To be awaited before the first statement: see `VideoInput.content`."""
    video = input.video
    return LessonContent(
        title=input.title,
        body=input.body,
        body_format=input.body_format,
        external_url=input.external_url,
        is_preview=input.is_preview,
        required_share=input.required_share,
        video=None if video is None else await video.content(context.resources.storage),
    )


async def add_lesson(tx: Transaction, context: Context, input: AddLessonInput) -> AddLessonPayload:
    lesson_id = await service.add_lesson(
        tx,
        context.actor,
        module_id=required_number("Module", input.module_id, "moduleId"),
        kind=input.kind,
        content=await _content(context, input),
        position=input.position,
    )
    return AddLessonPayload(lesson_id=lesson_id)


async def update_lesson(tx: Transaction, context: Context, input: UpdateLessonInput) -> UpdateLessonPayload:
    lesson_id = required_number("Lesson", input.lesson_id, "lessonId")
    await service.update_lesson(
        tx,
        context.actor,
        lesson_id=lesson_id,
        expected_version=input.expected_version,
        content=await _content(context, input),
    )
    return UpdateLessonPayload(lesson_id=lesson_id)


async def move_lesson(tx: Transaction, context: Context, input: MoveLessonInput) -> MoveLessonPayload:
    lesson_id = required_number("Lesson", input.lesson_id, "lessonId")
    module_id = required_number("Module", input.module_id, "moduleId")
    await service.move_lesson(
        tx, context.actor, lesson_id=lesson_id, module_id=module_id, position=input.position
    )
    return MoveLessonPayload(lesson_id=lesson_id)


async def remove_lesson(tx: Transaction, context: Context, input: RemoveLessonInput) -> RemoveLessonPayload:
    lesson_id = required_number("Lesson", input.lesson_id, "lessonId")
    module_id = await service.remove_lesson(tx, context.actor, lesson_id=lesson_id)
    return RemoveLessonPayload(module_id=module_id, removed_lesson_id=global_id("Lesson", lesson_id))


async def reorder_lessons(
    tx: Transaction, context: Context, input: ReorderLessonsInput
) -> ReorderLessonsPayload:
    module_id = required_number("Module", input.module_id, "moduleId")
    lesson_ids = required_numbers("Lesson", input.lesson_ids, "lessonIds")
    await service.reorder_lessons(tx, context.actor, module_id=module_id, lesson_ids=lesson_ids)
    return ReorderLessonsPayload(module_id=module_id)


@strawberry.type
class LessonMutations:
    add_lesson = mutation(
        add_lesson, policy=TEACHER, description="Adds a lesson. For the course's instructors."
    )
    update_lesson = mutation(
        update_lesson, policy=TEACHER, description="Changes a lesson. For the course's instructors."
    )
    move_lesson = mutation(
        move_lesson,
        policy=TEACHER,
        description="Moves a lesson within its course. For the course's instructors.",
    )
    remove_lesson = mutation(
        remove_lesson, policy=TEACHER, description="Removes a lesson. For the course's instructors."
    )
    reorder_lessons = mutation(
        reorder_lessons,
        policy=TEACHER,
        description="Puts a module's lessons in order. For the course's instructors.",
    )
