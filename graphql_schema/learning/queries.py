"""What the viewer learns."""

from typing import Any

import strawberry

from app.learning import reads
from graphql_schema.context import Info
from graphql_schema.edges import edge
from graphql_schema.learning.types.catalog import StateArgument
from graphql_schema.learning.types.enrollments import Enrollment, EnrollmentConnection
from graphql_schema.learning.types.invitations import Invitation
from graphql_schema.learning.types.lesson_progress import ContinueLearning
from graphql_schema.pagination import AfterArgument, FirstArgument, check_first, decode_cursor
from graphql_schema.permissions import PUBLIC, policy

_INVITATIONS = 5  # for the node limit: few are invited to more courses at a time


@strawberry.type
@policy(PUBLIC)
class LearningViewer:
    """What learning puts into `Viewer`."""

    user_id: strawberry.Private[int]
    invitations: list[Invitation] = edge(
        lambda loaders: loaders.learning.invitations_of_user,
        key="user_id",
        description="To the viewer's proved address, of published courses that they are not enrolled in; the latest 100.",
        list_size=_INVITATIONS,
    )

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="Courses that the viewer is in the middle of, those they were last busy with first, each with the "
        "lesson to go on with: as of the latest flush of what players report, some seconds ago; `positionSeconds` is newer."
    )
    async def continue_learning(self, info: Info, first: FirstArgument = 10) -> list[ContinueLearning]:
        check_first(first)
        rows = await reads.enrollments_to_continue(info.context.resources.database, self.user_id, first)
        return [ContinueLearning.of(row) for row in rows]

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="The viewer's enrolments, the latest first, those that have ended too: `state` leaves the others out."
    )
    async def enrollments(
        self, info: Info, first: FirstArgument, after: AfterArgument = None, state: StateArgument = None
    ) -> EnrollmentConnection:
        check_first(first)
        start: Any = None if after is None else decode_cursor(after, reads.OF_USER_CURSOR)
        rows = await reads.enrollments_of_user(
            info.context.resources.database, self.user_id, first + 1, start, state
        )
        return EnrollmentConnection.of_rows(
            rows, first, Enrollment.of, ordered_by=tuple(reads.OF_USER_CURSOR), continued=start is not None
        )
