"""Invitations: seen by those who manage the course, and by the account that has proved the address."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import strawberry

from graphql_schema.edges import edge
from graphql_schema.fields import field
from graphql_schema.identity.types import User
from graphql_schema.learning.types.cohorts import Cohort
from graphql_schema.node import Node, global_id, is_node
from graphql_schema.pagination import Connection
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row

CourseReference = Annotated["Course", strawberry.lazy("graphql_schema.catalog.types")]  # type: ignore[name-defined] # noqa: F821


@is_node(lambda loaders: loaders.learning.invitation, key=UUID)
@strawberry.type(
    description="An address that may enrol in a course. It says nothing of whether an account has the address. Seen by the "
    "course's instructors, by administrators, and by the account that has proved the address and is not enrolled."
)
@policy(PUBLIC)
class Invitation(Node):
    course_id: strawberry.Private[int]
    cohort_id: strawberry.Private[int | None]
    inviter_id: strawberry.Private[int]
    email: str = field(description="The address, as it was written last.")
    name: str | None = field(description="What a roster that was imported calls them.")
    message: str | None = field(description="What the mail says in the inviter's words; plain text.")
    created_at: datetime = field(description="When the address was first invited.")
    expires_at: datetime = field(description="When it ends, unless it is renewed.")
    course: CourseReference | None = edge(
        lambda loaders: loaders.catalog.course,
        key="course_id",
        description="The course; null where the viewer may not see it, such as a draft.",
    )
    cohort: Cohort | None = edge(
        lambda loaders: loaders.learning.cohort,
        key="cohort_id",
        description="The cohort that it leads into; null if none, and for those who may not see it.",
    )
    invited_by: User | None = edge(
        lambda loaders: loaders.identity.instructor,
        key="inviter_id",
        description="Who did so last; null if the account went a moment ago.",
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        return cls(
            id=global_id("Invitation", row["id"]),
            course_id=row["course_id"],
            cohort_id=row["cohort_id"],
            inviter_id=row["invited_by"],
            email=row["email"],
            name=row["name"],
            message=row["message"],
            created_at=row["created_at"],
            expires_at=row["expires_at"],
        )


@strawberry.type(description="One page of invitations.")
@policy(PUBLIC)
class InvitationConnection(Connection[Invitation]):
    pass
