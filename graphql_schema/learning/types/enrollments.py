"""Enrolments, as their learner sees them, and those who manage the course."""

from datetime import datetime
from typing import Annotated, Self

import strawberry

from app.learning.models import EnrollmentState
from graphql_schema.edges import edge, loaded
from graphql_schema.fields import field
from graphql_schema.identity.types import User
from graphql_schema.node import Node, Pair, global_id, is_node
from graphql_schema.pagination import Connection
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row

CourseReference = Annotated["Course", strawberry.lazy("graphql_schema.catalog.types")]  # type: ignore[name-defined] # noqa: F821


@strawberry.type(description="How far a learner is, in lessons.")
@policy(PUBLIC)
class EnrollmentProgress:
    completed_lessons: int = field(description="How many of the course's lessons they have completed.")
    total_lessons: int = field(description="How many lessons the course has now.")
    share: float = field(description="The first of the second, 0 to 1.")

    @classmethod
    def of(cls, completed: int, total: int) -> Self:
        # A lesson that was removed a moment ago may still be counted among the completed.
        done = min(completed, total)
        return cls(completed_lessons=done, total_lessons=total, share=done / total if total else 0.0)


@is_node(lambda loaders: loaders.learning.enrollment, key=tuple)
@strawberry.type(
    description="One person and one course. Seen by that person, by the course's instructors and by administrators."
)
@policy(PUBLIC)
class Enrollment(Node):
    user_id: strawberry.Private[int]
    course_id: strawberry.Private[int]
    place: strawberry.Private[Pair | None]
    state: EnrollmentState = field(description="Where they are with it.")
    created_at: datetime = field(
        description="When they enrolled or joined the line, the last time that they did."
    )
    enrolled_at: datetime | None = field(description="When they last got a seat; null before.")
    completed_at: datetime | None = field(
        description="When all lessons were first done; it stays, whatever changes."
    )
    withdrawn_at: datetime | None = field(description="When they left; null unless they are out of it.")
    progress: EnrollmentProgress = field(description="How far they are.")
    waitlist_position: int | None = loaded(
        lambda loaders: loaders.learning.waitlist_place,
        key="place",
        of=lambda row: row["position"],
        description="Their place in the line now, from 1; null for who is not in it.",
    )
    user: User = edge(lambda loaders: loaders.identity.user, key="user_id", description="Who learns.")
    course: CourseReference | None = edge(
        lambda loaders: loaders.catalog.course,
        key="course_id",
        description="What they learn; null while the course is a draft that the viewer may not see.",
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        user_id, course_id, number = row["user_id"], row["course_id"], row["waitlist_number"]
        return cls(
            id=global_id("Enrollment", (user_id, course_id)),
            user_id=user_id,
            course_id=course_id,
            place=None if number is None else (course_id, number),
            state=row["state"],
            created_at=row["created_at"],
            enrolled_at=row["enrolled_at"],
            completed_at=row["completed_at"],
            withdrawn_at=row["withdrawn_at"],
            progress=EnrollmentProgress.of(row["lessons_completed"], row["lesson_count"]),
        )


@strawberry.type(description="One page of enrolments.")
@policy(PUBLIC)
class EnrollmentConnection(Connection[Enrollment]):
    pass


@strawberry.type(
    description="A course's rules for enrolling. Where nothing is said, it is open to everybody, for ever."
)
@policy(PUBLIC)
class EnrollmentPolicy:
    id: strawberry.ID = field(description="Opaque, unique, stable.")
    capacity: int | None = field(description="Seats; null for as many as want one.")
    opens_at: datetime | None = field(
        description="From when on one may enrol; who was invited need not wait for it."
    )
    closes_at: datetime | None = field(
        description="Until when one may enrol. Within a minute after it, those who still wait for a seat are told."
    )
    invitation_only: bool = field(description="Whether only who was invited may enrol.")
    waitlist_count: int = field(description="How many wait for a seat.")

    @classmethod
    def of(cls, row: Row) -> Self:
        return cls(
            id=global_id("EnrollmentPolicy", row["course_id"]),
            capacity=row["capacity"],
            opens_at=row["opens_at"],
            closes_at=row["closes_at"],
            invitation_only=row["invitation_only"],
            waitlist_count=row["waitlist_count"],
        )
