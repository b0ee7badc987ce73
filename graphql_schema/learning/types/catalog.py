"""What learning adds to the catalogue's types. Types of learning itself are named lazily: they name the catalogue's."""

from typing import Annotated, Any

import strawberry

from app.learning.reads import INVITATION_CURSOR
from graphql_schema.edges import connection_edge, edge
from graphql_schema.permissions import PUBLIC, policy

CohortReference = Annotated["Cohort", strawberry.lazy("graphql_schema.learning.types.cohorts")]  # type: ignore[name-defined] # noqa: F821
InvitationPage = Annotated[
    "InvitationConnection",  # type: ignore[name-defined] # noqa: F821
    strawberry.lazy("graphql_schema.learning.types.invitations"),
]
_COHORTS = 5  # for the node limit: groups of an ordinary course


def _invitation_of() -> Any:
    # That module names the catalogue's types, which are made with this one.
    from graphql_schema.learning.types.invitations import Invitation  # noqa: PLC0415

    return Invitation.of


@strawberry.type
@policy(PUBLIC)
class LearningCourse:
    """What learning puts into `Course`."""

    course_id: strawberry.Private[int]
    cohorts: list[CohortReference] | None = edge(
        lambda loaders: loaders.learning.course_cohorts,
        key="course_id",
        description="Its cohorts by name, at most 100. For its instructors and administrators; null for others.",
        list_size=_COHORTS,
        gate=lambda loaders: loaders.learning.managed_course,
    )
    invitations: InvitationPage | None = connection_edge(
        lambda loaders: loaders.learning.course_invitations,
        key="course_id",
        of=_invitation_of,
        cursor=INVITATION_CURSOR,
        description="Who was invited and has neither enrolled nor declined, in the order of their first invitation. For its "
        "instructors and administrators; null for others.",
        gate=lambda loaders: loaders.learning.managed_course,
    )


@strawberry.type
@policy(PUBLIC)
class LearningLesson:
    """What learning puts into `Lesson`."""

    lesson_id: strawberry.Private[int]
    course_id: strawberry.Private[int]
