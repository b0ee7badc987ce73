"""Inviting by address; taking an invitation back, or declining it. It is accepted by `enroll`."""

from typing import Annotated
from uuid import UUID

import strawberry

from app.database import Transaction
from app.learning import service
from app.learning.errors import NotFound
from graphql_schema.catalog.payloads import CoursePayload
from graphql_schema.context import Context
from graphql_schema.edges import edge
from graphql_schema.fields import field
from graphql_schema.learning.types.invitations import Invitation
from graphql_schema.mutation import UserError, mutation, user_errors
from graphql_schema.node import global_id, required_number, uuid_of
from graphql_schema.permissions import PUBLIC, SIGNED_IN, TEACHER, policy

ViewerReference = Annotated["Viewer", strawberry.lazy("graphql_schema.viewer")]  # type: ignore[name-defined] # noqa: F821
_GONE = "The invitation that is gone, for clients to forget; null when there are errors."


@strawberry.input(description="Addresses that may enrol in a course.")
class InviteLearnersInput:
    course_id: strawberry.ID = strawberry.field(description="A published course.")
    emails: list[str] = strawberry.field(description="1 to 100 addresses; one that comes twice counts once.")
    cohort_id: strawberry.ID | None = strawberry.field(
        default=None, description="A cohort of the course, into which they come when they enrol."
    )
    message: str | None = strawberry.field(
        default=None, description="For the mail: plain text, up to 1,000 characters."
    )


@strawberry.input(description="The invitation to take back.")
class WithdrawInvitationInput:
    invitation_id: strawberry.ID = strawberry.field(description="One of the course's.")


@strawberry.input(description="The invitation to decline.")
class DeclineInvitationInput:
    invitation_id: strawberry.ID = strawberry.field(description="One to the viewer's proved address.")


@strawberry.type(description="The invitations: the same answer whether or not an account has the address.")
class InviteLearnersPayload(CoursePayload):
    invitations: list[Invitation] | None = field(
        description="One for each different address, in the order of the addresses; null when there are errors.",
        default=None,
    )


@strawberry.type(description="The course without the invitation.")
class WithdrawInvitationPayload(CoursePayload):
    removed_invitation_id: strawberry.ID | None = field(description=_GONE, default=None)


@strawberry.type(description="What is left when the invitation is gone.")
@policy(PUBLIC)
class DeclineInvitationPayload:
    user_id: strawberry.Private[int | None] = None
    removed_invitation_id: strawberry.ID | None = field(description=_GONE, default=None)
    viewer: ViewerReference | None = edge(
        lambda loaders: loaders.identity.user,
        key="user_id",
        description="The one who asks, for caches; null when there are errors.",
    )
    user_errors: list[UserError] = user_errors()


async def invite_learners(
    tx: Transaction, context: Context, input: InviteLearnersInput
) -> InviteLearnersPayload:
    course_id = required_number("Course", input.course_id, "courseId")
    cohort_id = None if input.cohort_id is None else required_number("Cohort", input.cohort_id, "cohortId")
    resources = context.resources
    rows = await service.invite_learners(
        tx,
        resources.outbox,
        resources.metrics,
        context.actor,
        course_id=course_id,
        emails=input.emails,
        cohort_id=cohort_id,
        message=input.message,
    )
    return InviteLearnersPayload(course_id=course_id, invitations=[Invitation.of(row) for row in rows])


async def withdraw_invitation(
    tx: Transaction, context: Context, input: WithdrawInvitationInput
) -> WithdrawInvitationPayload:
    invitation_id = _number(input.invitation_id)
    course_id = await service.withdraw_invitation(
        tx, context.resources.metrics, context.actor, invitation_id=invitation_id
    )
    return WithdrawInvitationPayload(
        course_id=course_id, removed_invitation_id=global_id("Invitation", invitation_id)
    )


async def decline_invitation(
    tx: Transaction, context: Context, input: DeclineInvitationInput
) -> DeclineInvitationPayload:
    invitation_id = _number(input.invitation_id)
    await service.decline_invitation(
        tx, context.resources.metrics, context.actor, invitation_id=invitation_id
    )
    return DeclineInvitationPayload(
        user_id=context.actor.user_id, removed_invitation_id=global_id("Invitation", invitation_id)
    )


def _number(identifier: strawberry.ID) -> UUID:
    number = uuid_of("Invitation", identifier)
    if number is None:
        raise NotFound("invitation", "invitationId")
    return number


@strawberry.type
class InvitationMutations:
    invite_learners = mutation(
        invite_learners,
        policy=TEACHER,
        description="Invites addresses to a course for 30 days, by mail; inviting again renews, with a mail a day at most. "
        "Within an hour, 500 addresses. For its instructors.",
    )
    withdraw_invitation = mutation(
        withdraw_invitation,
        policy=TEACHER,
        description="Takes an invitation back. For its course's instructors.",
    )
    decline_invitation = mutation(
        decline_invitation,
        policy=SIGNED_IN,
        description="Declines an invitation. For the account that has proved its address.",
    )
