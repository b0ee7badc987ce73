"""Making, naming and dissolving cohorts; who is in them."""

import strawberry

from app.database import Transaction
from app.learning import service
from graphql_schema.catalog.payloads import CoursePayload
from graphql_schema.context import Context
from graphql_schema.edges import edge
from graphql_schema.fields import field
from graphql_schema.learning.types.cohorts import Cohort
from graphql_schema.mutation import UserError, mutation, user_errors
from graphql_schema.node import global_id, required_number, required_numbers
from graphql_schema.permissions import PUBLIC, TEACHER, policy

_COHORT_ID = "The cohort."
_NAME = "1 to 100 characters; no other cohort of the course has it, else you get CONFLICT."


@strawberry.input(description="A new cohort.")
class CreateCohortInput:
    course_id: strawberry.ID = strawberry.field(description="The course.")
    name: str = strawberry.field(description=_NAME)


@strawberry.input(description="A cohort's new name.")
class RenameCohortInput:
    cohort_id: strawberry.ID = strawberry.field(description=_COHORT_ID)
    name: str = strawberry.field(description=_NAME)


@strawberry.input(description="The cohort to dissolve.")
class RemoveCohortInput:
    cohort_id: strawberry.ID = strawberry.field(description=_COHORT_ID)


@strawberry.input(description="Who is to be in a cohort.")
class AddCohortMembersInput:
    cohort_id: strawberry.ID = strawberry.field(description=_COHORT_ID)
    user_ids: list[strawberry.ID] = strawberry.field(
        description="1 to 100 people who are, or were, enrolled in the course; who is in it stays."
    )


@strawberry.input(description="Who is to be in a cohort no longer.")
class RemoveCohortMembersInput:
    cohort_id: strawberry.ID = strawberry.field(description=_COHORT_ID)
    user_ids: list[strawberry.ID] = strawberry.field(
        description="1 to 100 people; who is not in it changes nothing."
    )


# Never named in the schema itself; each mutation's payload is a type of its own made from it.
@strawberry.type
@policy(PUBLIC)
class CohortPayload:
    cohort_id: strawberry.Private[int | None] = None
    cohort: Cohort | None = edge(
        lambda loaders: loaders.learning.cohort,
        key="cohort_id",
        description="As it now is; null when there are errors.",
    )
    user_errors: list[UserError] = user_errors()


@strawberry.type(description="The new cohort.")
class CreateCohortPayload(CohortPayload):
    pass


@strawberry.type(description="The cohort with its new name.")
class RenameCohortPayload(CohortPayload):
    pass


@strawberry.type(description="The course without the cohort.")
class RemoveCohortPayload(CoursePayload):
    removed_cohort_id: strawberry.ID | None = field(
        description="The cohort that is gone, for clients to forget; null when there are errors.",
        default=None,
    )


@strawberry.type(description="The cohort with its members.")
class AddCohortMembersPayload(CohortPayload):
    pass


@strawberry.type(description="The cohort with its members.")
class RemoveCohortMembersPayload(CohortPayload):
    pass


async def create_cohort(tx: Transaction, context: Context, input: CreateCohortInput) -> CreateCohortPayload:
    course_id = required_number("Course", input.course_id, "courseId")
    cohort_id = await service.create_cohort(tx, context.actor, course_id=course_id, name=input.name)
    return CreateCohortPayload(cohort_id=cohort_id)


async def rename_cohort(tx: Transaction, context: Context, input: RenameCohortInput) -> RenameCohortPayload:
    cohort_id = required_number("Cohort", input.cohort_id, "cohortId")
    await service.rename_cohort(tx, context.actor, cohort_id=cohort_id, name=input.name)
    return RenameCohortPayload(cohort_id=cohort_id)


async def remove_cohort(tx: Transaction, context: Context, input: RemoveCohortInput) -> RemoveCohortPayload:
    cohort_id = required_number("Cohort", input.cohort_id, "cohortId")
    course_id = await service.remove_cohort(tx, context.actor, cohort_id=cohort_id)
    return RemoveCohortPayload(course_id=course_id, removed_cohort_id=global_id("Cohort", cohort_id))


async def add_cohort_members(
    tx: Transaction, context: Context, input: AddCohortMembersInput
) -> AddCohortMembersPayload:
    cohort_id = required_number("Cohort", input.cohort_id, "cohortId")
    user_ids = required_numbers("User", input.user_ids, "userIds")
    await service.add_cohort_members(tx, context.actor, cohort_id=cohort_id, user_ids=user_ids)
    return AddCohortMembersPayload(cohort_id=cohort_id)


async def remove_cohort_members(
    tx: Transaction, context: Context, input: RemoveCohortMembersInput
) -> RemoveCohortMembersPayload:
    cohort_id = required_number("Cohort", input.cohort_id, "cohortId")
    user_ids = required_numbers("User", input.user_ids, "userIds")
    await service.remove_cohort_members(tx, context.actor, cohort_id=cohort_id, user_ids=user_ids)
    return RemoveCohortMembersPayload(cohort_id=cohort_id)


@strawberry.type
class CohortMutations:
    create_cohort = mutation(
        create_cohort, policy=TEACHER, description="Makes a cohort of a course. For its instructors."
    )
    rename_cohort = mutation(
        rename_cohort,
        policy=TEACHER,
        description="Gives a cohort another name. For its course's instructors.",
    )
    remove_cohort = mutation(
        remove_cohort,
        policy=TEACHER,
        description="Dissolves a cohort; its members stay enrolled. For its course's instructors.",
    )
    add_cohort_members = mutation(
        add_cohort_members,
        policy=TEACHER,
        description="Lets learners of the course into a cohort. For its course's instructors.",
    )
    remove_cohort_members = mutation(
        remove_cohort_members,
        policy=TEACHER,
        description="Takes people out of a cohort; they stay enrolled. For its course's instructors.",
    )
