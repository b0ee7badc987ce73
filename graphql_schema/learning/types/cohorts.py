"""Cohorts: seen by those who manage the course, and nobody else."""

from datetime import datetime
from typing import Annotated, Self

import strawberry

from app.learning.reads import MEMBER_CURSOR
from graphql_schema.context import Info
from graphql_schema.edges import connection_edge, edge
from graphql_schema.fields import field
from graphql_schema.identity.types import User
from graphql_schema.node import Node, global_id, is_node
from graphql_schema.pagination import Connection
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row

CourseReference = Annotated["Course", strawberry.lazy("graphql_schema.catalog.types")]  # type: ignore[name-defined] # noqa: F821


@strawberry.type(description="Somebody in a cohort.")
@policy(PUBLIC)
class CohortMember:
    id: strawberry.ID = field(description="Opaque; one for each person and cohort.")
    user_id: strawberry.Private[int]
    added_at: datetime = field(description="When they came into the cohort.")
    user: User | None = edge(
        lambda loaders: loaders.identity.user,
        key="user_id",
        description="The person; null if the account went a moment ago.",
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        return cls(
            id=strawberry.ID(f"{global_id('CohortMember', row['cohort_id'])}.{row['user_id']}"),
            user_id=row["user_id"],
            added_at=row["added_at"],
        )


@strawberry.type(description="One page of a cohort's members.")
@policy(PUBLIC)
class CohortMemberConnection(Connection[CohortMember]):
    pass


@is_node(lambda loaders: loaders.learning.cohort)
@strawberry.type(
    description="A named group of a course's learners. Seen by the course's instructors and administrators."
)
@policy(PUBLIC)
class Cohort(Node):
    cohort_id: strawberry.Private[int]
    course_id: strawberry.Private[int]
    name: str = field(description="Up to 100 characters; no other cohort of the course has it.")
    course: CourseReference | None = edge(
        lambda loaders: loaders.catalog.course,
        key="course_id",
        description="The course it belongs to; null if it went a moment ago.",
    )
    members: CohortMemberConnection = connection_edge(
        lambda loaders: loaders.learning.cohort_members,
        key="cohort_id",
        of=lambda: CohortMember.of,
        cursor=MEMBER_CURSOR,
        description="Who is in it, also those who have withdrawn, in the order of their accounts.",
    )

    @strawberry.field(description="How many members it has.")  # type: ignore[untyped-decorator]
    async def member_count(self, info: Info) -> int:
        row = await info.context.loaders.learning.cohort_member_count.load(self.cohort_id)
        return 0 if row is None else int(row["members"])

    @classmethod
    def of(cls, row: Row) -> Self:
        number = row["id"]
        return cls(
            id=global_id("Cohort", number), cohort_id=number, course_id=row["course_id"], name=row["name"]
        )
