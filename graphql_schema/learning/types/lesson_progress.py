"""How far somebody is with a lesson, and where they go on."""

from asyncio import shield
from datetime import datetime
from typing import Annotated, Any, Self

import strawberry
from graphql import GraphQLResolveInfo

from app.learning.completion_rules import Completion, CompletionRule, Stretch, completion_of
from graphql_schema.catalog.types import Lesson
from graphql_schema.edges import edge, loaded
from graphql_schema.fields import computed, field
from graphql_schema.learning.types.enrollments import Enrollment
from graphql_schema.node import Node, Pair, global_id, is_node
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row

CourseReference = Annotated["Course", strawberry.lazy("graphql_schema.catalog.types")]  # type: ignore[name-defined] # noqa: F821


@strawberry.type(description="A part of a video.")
@policy(PUBLIC)
class VideoStretch:
    start_seconds: float = field(description="Where it begins.")
    end_seconds: float = field(description="Where it ends.")

    @classmethod
    def of(cls, stretch: Stretch) -> Self:
        return cls(start_seconds=stretch[0] / 1000, end_seconds=stretch[1] / 1000)


@strawberry.type(description="Whether a lesson is completed, by which rule, and what is missing.")
@policy(PUBLIC)
class LessonCompletion:
    rule: CompletionRule = field(description="What completes it.")
    required: float = field(description="Which share is needed: of a video its distinct time, else 1.")
    observed: float = field(description="Which share was seen, 0 to 1; of a video as reported a moment ago.")
    satisfied: bool = field(
        description="Whether the rule is satisfied by what is known now. What is completed stays so, whatever changes."
    )
    completed_at: datetime | None = field(description="When it was completed; null before.")
    missing: list[VideoStretch] = field(
        description="Stretches of its video that were not watched, in order, at most 20; none of other kinds."
    )
    explanation: str = field(description="The same as a sentence.")

    @classmethod
    def of(cls, completion: Completion) -> Self:
        return cls(
            rule=completion.rule,
            required=completion.required,
            observed=completion.observed,
            satisfied=completion.satisfied,
            completed_at=completion.completed_at,
            missing=[VideoStretch.of(stretch) for stretch in completion.missing],
            explanation=completion.explanation,
        )


def _completion(source: Any, info: GraphQLResolveInfo[Any]) -> Any:
    if source.video is None:
        return LessonCompletion.of(completion_of(source.standing, None))
    return _watched(source, info)


async def _watched(source: Any, info: GraphQLResolveInfo[Any]) -> Any:
    found = await shield(info.context.loaders.learning.video_progress.load(source.video))
    return LessonCompletion.of(completion_of(source.standing, None if found is None else found["watched"]))


@is_node(lambda loaders: loaders.learning.lesson_standing, key=tuple)
@strawberry.type(
    description="How far somebody is with a lesson. Seen by that person, by the course's instructors and administrators."
)
@policy(PUBLIC)
class LessonProgress(Node):
    standing: strawberry.Private[Row]
    lesson_id: strawberry.Private[int]
    video: strawberry.Private[Pair | None]
    opened_at: datetime | None = field(description="When it was first opened; null before.")
    completion: LessonCompletion = strawberry.field(
        description="Whether it is completed, and why or why not.",
        default=None,
        metadata={"policy": None, "resolve": _completion},
    )
    position_seconds: float | None = loaded(
        lambda loaders: loaders.learning.video_progress,
        key="video",
        of=lambda row: row["position_ms"] / 1000,
        description="Where they were last in its video; null for other kinds, and before they watched.",
    )
    watched_seconds: float | None = loaded(
        lambda loaders: loaders.learning.video_progress,
        key="video",
        of=lambda row: row["watched_ms"] / 1000,
        description="Distinct seconds of its video that they have watched; null as `positionSeconds`.",
    )
    lesson: Lesson | None = edge(
        lambda loaders: loaders.catalog.lesson,
        key="lesson_id",
        description="The lesson; null if it went a moment ago.",
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        user_id, video_id = row["user_id"], row["video_id"]
        return cls(
            id=global_id("LessonProgress", (user_id, row["lesson_id"])),
            standing=row,
            lesson_id=row["lesson_id"],
            video=None if video_id is None else (user_id, video_id),
            opened_at=row["opened_at"],
        )


async def _position(source: Any, info: GraphQLResolveInfo[Any]) -> float | None:
    learning = info.context.loaders.learning
    lesson = await shield(learning.next_lesson.load(source.pair))
    if lesson is None or lesson["video_id"] is None:
        return None
    found = await shield(learning.viewer_progress.load(lesson["video_id"]))
    return None if found is None else found["position_ms"] / 1000


@strawberry.type(description="A course that the viewer is in the middle of.")
@policy(PUBLIC)
class ContinueLearning:
    id: strawberry.ID = field(description="Opaque, unique, stable.")
    pair: strawberry.Private[Pair]
    course_id: strawberry.Private[int]
    row: strawberry.Private[Row]
    enrollment: Enrollment = computed(
        lambda source: Enrollment.of(source.row), description="The viewer's enrolment."
    )
    course: CourseReference | None = edge(
        lambda loaders: loaders.catalog.course,
        key="course_id",
        description="The course; null if it was taken back a moment ago.",
    )
    lesson: Lesson | None = edge(
        lambda loaders: loaders.learning.next_lesson,
        key="pair",
        description="Where to go on, as `Enrollment.nextLesson`.",
    )
    position_seconds: float | None = strawberry.field(
        description="Where the viewer was last in that lesson's video; null for other kinds, and before they watched.",
        default=None,
        metadata={"policy": None, "resolve": _position},
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        pair = (row["user_id"], row["course_id"])
        return cls(id=global_id("ContinueLearning", pair), pair=pair, course_id=pair[1], row=row)
