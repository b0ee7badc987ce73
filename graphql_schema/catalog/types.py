"""Courses, modules, lessons: rows copied into objects, relations declared as edges."""

from datetime import datetime
from typing import Annotated, Self

import strawberry

import graphql_schema.catalog.enums  # noqa: F401 - makes the domain's enums part of the schema
from app.catalog.models import BodyFormat, CourseLevel, CourseStatus, LessonKind
from app.catalog.reads.content import LESSON_CURSOR
from graphql_schema.edges import connection_edge, edge, loaded
from graphql_schema.fields import computed, field
from graphql_schema.identity.types import User
from graphql_schema.learning.types.catalog import LearningCourse, LearningLesson, LearningVideo
from graphql_schema.node import Node, global_id, is_node
from graphql_schema.pagination import Connection
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row
from loaders.learning import PlaybackKey

_RATING_DIGITS = 2
# For the node limit: what large courses have. In a real curriculum of 8 courses the largest has 10 modules.
_MODULES = 15
_INSTRUCTORS = 5

CourseReference = Annotated["Course", strawberry.lazy("graphql_schema.catalog.types")]
ModuleReference = Annotated["Module", strawberry.lazy("graphql_schema.catalog.types")]
LessonReference = Annotated["Lesson", strawberry.lazy("graphql_schema.catalog.types")]


@strawberry.type(description="The video of a lesson.")
@policy(PUBLIC)
class Video(LearningVideo):
    id: strawberry.ID = field(description="Opaque, unique, stable.")
    duration_seconds: float = field(description="Length in seconds, to the millisecond.")


@strawberry.type(description="The text of a lesson.")
@policy(PUBLIC)
class LessonBody:
    id: strawberry.ID = field(description="Opaque, unique, stable.")
    html: str = field(description="Sanitised: safe to show as it is.")
    source: str = field(description="As its author wrote it.")
    format: BodyFormat = field(description="How the source is written.")

    @classmethod
    def of(cls, row: Row) -> Self | None:
        if row["body_source"] is None:
            return None
        return cls(
            id=global_id("LessonBody", row["id"]),
            html=row["body_html"],
            source=row["body_source"],
            format=row["body_format"],
        )


@is_node(lambda loaders: loaders.catalog.lesson)
@strawberry.type(
    description="One step of a module. Its outline is public; its content is for who is enrolled, who teaches the course, "
    "and administrators, that of preview lessons for anybody."
)
@policy(PUBLIC)
class Lesson(Node, LearningLesson):
    lesson_id: strawberry.Private[int]
    course_id: strawberry.Private[int]
    module_id: strawberry.Private[int]
    title: str = field(description="Up to 200 characters.")
    kind: LessonKind = field(description="What the lesson is.")
    position: int = field(description="Its place in the module, from 1, without gaps.")
    is_open: strawberry.Private[bool]
    is_preview: bool = field(description="Whether its content is open to everybody.")
    duration_seconds: float | None = field(description="Length of its video; null for other kinds.")
    required_share: float | None = field(
        description="How much of its video's distinct time is to be watched, 0 to 1; null for other kinds."
    )
    version: int = field(description="Give it as `expectedVersion` to `updateLesson`.")
    link_id: strawberry.Private[int | None]
    external_url: str | None = loaded(
        lambda loaders: loaders.learning.lesson_content,
        key="link_id",
        of=lambda row: row["external_url"],
        description="Where a link leads; null for other kinds, and for those who may not see the content.",
    )
    video_id: strawberry.Private[int | None]
    video: Video | None = computed(
        lambda lesson: (
            None
            if lesson.video_id is None
            else Video(
                id=global_id("Video", lesson.video_id),
                video_id=lesson.video_id,
                playback_key=PlaybackKey(lesson.video_id, lesson.is_open),
                duration_seconds=lesson.duration_seconds,
            )
        ),
        description="Null unless the lesson is a video.",
    )
    body: LessonBody | None = edge(
        lambda loaders: loaders.learning.lesson_content,
        key="lesson_id",
        description="Its text, if it has one; null for those who may not see the content.",
    )
    # Nullable: between the two reads it may have gone, or been taken back into draft.
    module: ModuleReference | None = edge(
        lambda loaders: loaders.catalog.module,
        key="module_id",
        description="The module it belongs to; null if it went a moment ago.",
    )
    course: CourseReference | None = edge(
        lambda loaders: loaders.catalog.course,
        key="course_id",
        description="The course it belongs to; null if it went a moment ago.",
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        number, duration, kind = row["id"], row["duration_ms"], row["kind"]
        seconds = None if duration is None else duration / 1000
        return cls(
            id=global_id("Lesson", number),
            lesson_id=number,
            course_id=row["course_id"],
            module_id=row["module_id"],
            title=row["title"],
            kind=kind,
            position=row["position"],
            is_preview=row["is_preview"],
            is_open=row["is_open"],
            duration_seconds=seconds,
            required_share=row["required_share"] if kind == LessonKind.VIDEO else None,
            version=row["version"],
            link_id=number if kind == LessonKind.LINK else None,
            video_id=row["video_id"],
        )


@is_node(lambda loaders: loaders.catalog.module)
@strawberry.type(description="A part of a course: lessons in order.")
@policy(PUBLIC)
class Module(Node):
    module_id: strawberry.Private[int]
    course_id: strawberry.Private[int]
    title: str = field(description="Up to 200 characters.")
    description: str = field(description="Plain text, up to 5,000 characters.")
    position: int = field(description="Its place in the course, from 1, without gaps.")
    version: int = field(description="Give it as `expectedVersion` to `updateModule`.")
    course: CourseReference | None = edge(
        lambda loaders: loaders.catalog.course,
        key="course_id",
        description="The course it belongs to; null if it went a moment ago.",
    )
    lessons: Connection[LessonReference] = connection_edge(
        lambda loaders: loaders.catalog.module_lessons,
        key="module_id",
        of=lambda: Lesson.of,
        cursor=LESSON_CURSOR,
        description="Its lessons, in order.",
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        number = row["id"]
        return cls(
            id=global_id("Module", number),
            module_id=number,
            course_id=row["course_id"],
            title=row["title"],
            description=row["description"],
            position=row["position"],
            version=row["version"],
        )


@strawberry.type(description="Somebody who teaches a course.")
@policy(PUBLIC)
class CourseInstructor:
    id: strawberry.ID = field(description="Opaque; one for each person and course.")
    user_id: strawberry.Private[int]
    since: datetime = field(description="When they joined the course's instructors.")
    user: User = edge(lambda loaders: loaders.identity.instructor, key="user_id", description="The person.")

    @classmethod
    def of(cls, row: Row) -> Self:
        return cls(
            id=strawberry.ID(f"{global_id('CourseInstructor', row['course_id'])}.{row['user_id']}"),
            user_id=row["user_id"],
            since=row["created_at"],
        )


@is_node(lambda loaders: loaders.catalog.course)
@strawberry.type(description="A course: modules of lessons, taught by instructors.")
@policy(PUBLIC)
class Course(Node, LearningCourse):
    course_id: strawberry.Private[int]
    instructor_id: strawberry.Private[int]
    slug: str = field(description="For readable addresses; unique, and it never changes.")
    title: str = field(description="Up to 200 characters.")
    description: str = field(description="Plain text, up to 10,000 characters.")
    category: str | None = field(description="The subject area.")
    level: CourseLevel | None = field(description="What it expects of its learners.")
    language: str | None = field(description="BCP 47 tag in lower case, such as en or pt-br.")
    skills: list[str] = field(description="What one learns, at most 100 entries.")
    status: CourseStatus = field(description="Where it is in its life.")
    is_featured: bool = field(description="Whether an administrator put it forward.")
    rating: float | None = field(
        description="Average of its ratings, 0 to 5, two decimals; null before the first."
    )
    rating_count: int = field(description="How many ratings there are.")
    known_enrollment_count: strawberry.Private[int | None]
    enrollment_count: int = loaded(
        lambda loaders: loaders.catalog.enrollment_count,
        key="course_id",
        of=lambda row: row["enrollment_count"],
        known="known_enrollment_count",
        description="How many have a seat, those who have completed it too, as it is now.",
    )
    lesson_count: int = field(description="How many lessons it has.")
    version: int = field(description="Give it as `expectedVersion` to `updateCourse`.")
    created_at: datetime = field(description="When it was created.")
    updated_at: datetime = field(description="When its own details last changed.")
    published_at: datetime | None = field(description="When it was first published.")
    instructor: User = edge(
        lambda loaders: loaders.identity.instructor,
        key="instructor_id",
        description="Who leads the course.",
    )
    instructors: list[CourseInstructor] = edge(
        lambda loaders: loaders.catalog.course_instructors,
        key="course_id",
        description="Everybody who teaches it, the lead included, at most 100.",
        list_size=_INSTRUCTORS,
    )
    modules: list[Module] = edge(
        lambda loaders: loaders.catalog.modules,
        key="course_id",
        description="Its modules in order, at most 100.",
        list_size=_MODULES,
    )
    lessons: Connection[Lesson] = connection_edge(
        lambda loaders: loaders.catalog.course_lessons,
        key="course_id",
        of=lambda: Lesson.of,
        cursor=LESSON_CURSOR,
        description="All its lessons, in the order of its modules.",
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        number, rating_count = row["id"], row["rating_count"]
        return cls(
            id=global_id("Course", number),
            course_id=number,
            instructor_id=row["instructor_id"],
            slug=row["slug"],
            title=row["title"],
            description=row["description"],
            category=row["category"],
            level=row["level"],
            language=row["language"],
            skills=row["skills"],
            status=row["status"],
            is_featured=row["featured_at"] is not None,
            rating=round(row["rating"], _RATING_DIGITS) if rating_count else None,
            rating_count=rating_count,
            # Cards do without: see app/catalog/cards.py.
            known_enrollment_count=row.get("enrollment_count"),
            lesson_count=row["lesson_count"],
            version=row["version"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            published_at=row["published_at"],
        )
