"""Enrolling and withdrawing; a course's rules for enrolling."""

from datetime import datetime

import strawberry

from app.database import Transaction
from app.learning import service
from graphql_schema.catalog.payloads import CoursePayload
from graphql_schema.catalog.types import Course
from graphql_schema.context import Context
from graphql_schema.edges import edge
from graphql_schema.learning.types.enrollments import Enrollment
from graphql_schema.mutation import mutation
from graphql_schema.node import Pair, required_number, required_numbers
from graphql_schema.permissions import PUBLIC, SIGNED_IN, TEACHER, policy

_COURSE_ID = "The course."
_RULES = ("capacity", "opens_at", "closes_at", "invitation_only")
_MISSING = 2  # for the node limit: a course has few prerequisites


@strawberry.input(description="The course to enrol in.")
class EnrollInput:
    course_id: strawberry.ID = strawberry.field(description=_COURSE_ID)


@strawberry.input(description="The course to leave.")
class WithdrawInput:
    course_id: strawberry.ID = strawberry.field(description=_COURSE_ID)


@strawberry.input(description="Rules for enrolling; what is left out stays as it is.")
class UpdateEnrollmentPolicyInput:
    course_id: strawberry.ID = strawberry.field(description=_COURSE_ID)
    capacity: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="Seats, 1 to 1,000,000; null for as many as want one. Nobody loses a seat.",
    )
    opens_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="From when on one may enrol; null takes it away."
    )
    closes_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Until when one may enrol, later than that; null takes it away."
    )
    invitation_only: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether only who was invited may enrol; null is false."
    )


@strawberry.input(description="The courses to be completed before one enrols in another.")
class SetCoursePrerequisitesInput:
    course_id: strawberry.ID = strawberry.field(description=_COURSE_ID)
    required_course_ids: list[strawberry.ID] = strawberry.field(
        description="All of them, at most 20; none takes the rule away. No course may be needed for itself."
    )


@strawberry.type
@policy(PUBLIC)
class _EnrollmentPayload(CoursePayload):
    pair: strawberry.Private[Pair | None] = None
    enrollment: Enrollment | None = edge(
        lambda loaders: loaders.learning.enrollment,
        key="pair",
        description="As it now is; null when there are errors.",
    )


@strawberry.type(description="The enrolment: a seat, or a place in the line for one.")
class EnrollPayload(_EnrollmentPayload):
    missing_for: strawberry.Private[int | None] = None
    missing_prerequisites: list[Course] | None = edge(
        lambda loaders: loaders.learning.missing_prerequisites,
        key="missing_for",
        description="What is to be completed first, at most 20; null unless that is why nothing was done.",
        list_size=_MISSING,
    )


@strawberry.type(description="The enrolment that has ended.")
class WithdrawPayload(_EnrollmentPayload):
    pass


@strawberry.type(description="The course with its rules for enrolling.")
class UpdateEnrollmentPolicyPayload(CoursePayload):
    pass


@strawberry.type(description="The course with its prerequisites.")
class SetCoursePrerequisitesPayload(CoursePayload):
    pass


async def enroll(tx: Transaction, context: Context, input: EnrollInput) -> EnrollPayload:
    course_id = required_number("Course", input.course_id, "courseId")
    actor = context.actor
    await service.enroll(tx, context.resources.notifier, actor, course_id=course_id)
    return EnrollPayload(course_id=course_id, pair=(actor.user_id or 0, course_id))


async def withdraw(tx: Transaction, context: Context, input: WithdrawInput) -> WithdrawPayload:
    course_id = required_number("Course", input.course_id, "courseId")
    actor = context.actor
    await service.withdraw(tx, context.resources.notifier, actor, course_id=course_id)
    return WithdrawPayload(course_id=course_id, pair=(actor.user_id or 0, course_id))


async def update_enrollment_policy(
    tx: Transaction, context: Context, input: UpdateEnrollmentPolicyInput
) -> UpdateEnrollmentPolicyPayload:
    course_id = required_number("Course", input.course_id, "courseId")
    given = {name: getattr(input, name) for name in _RULES}
    changes = {name: value for name, value in given.items() if value is not strawberry.UNSET}
    if changes.get("invitation_only", False) is None:
        changes["invitation_only"] = False
    await service.update_enrollment_policy(
        tx, context.resources.notifier, context.actor, course_id=course_id, changes=changes
    )
    return UpdateEnrollmentPolicyPayload(course_id=course_id)


async def set_course_prerequisites(
    tx: Transaction, context: Context, input: SetCoursePrerequisitesInput
) -> SetCoursePrerequisitesPayload:
    course_id = required_number("Course", input.course_id, "courseId")
    required = required_numbers("Course", input.required_course_ids, "requiredCourseIds")
    await service.set_course_prerequisites(
        tx, context.actor, course_id=course_id, required_course_ids=required
    )
    return SetCoursePrerequisitesPayload(course_id=course_id)


@strawberry.type
class EnrollmentMutations:
    enroll = mutation(
        enroll,
        policy=SIGNED_IN,
        description="Gives the viewer a seat in a published course, or a place in the line for one. Again changes nothing.",
    )
    withdraw = mutation(
        withdraw,
        policy=SIGNED_IN,
        description="Takes the viewer out of a course or its line; what they have done stays. Again changes nothing.",
    )
    update_enrollment_policy = mutation(
        update_enrollment_policy,
        policy=TEACHER,
        description="Changes a course's rules for enrolling; new seats go to those who wait. For its instructors.",
    )
    set_course_prerequisites = mutation(
        set_course_prerequisites,
        policy=TEACHER,
        description="Says which courses are to be completed first. Who is enrolled stays so. For its instructors.",
    )
