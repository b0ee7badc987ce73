"""Following operations."""

from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.operations import reads
from graphql_schema.context import Info
from graphql_schema.node import uuid_of
from graphql_schema.operations.types import Operation
from graphql_schema.pagination import AfterArgument, Connection, FirstArgument, check_first, decode_cursor
from graphql_schema.permissions import PUBLIC, policy

_CURSOR = {"id": UUID}


@strawberry.type(description="One page of operations.")
@policy(PUBLIC)
class OperationConnection(Connection[Operation]):
    pass


async def _operation(
    info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")]
) -> Operation | None:
    key = uuid_of("Operation", id)
    row = None if key is None else await info.context.loaders.operations.operation.load(key)
    return None if row is None else Operation.of(row)


@strawberry.type
class OperationQueries:
    operation: Operation | None = strawberry.field(
        resolver=_operation,
        description="A long job by its id; null when there is none, or none for you.",
        metadata={"policy": PUBLIC},
    )


@strawberry.type
@policy(PUBLIC)
class OperationViewer:
    """What operations put into `Viewer`."""

    user_id: strawberry.Private[int]

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="The long jobs that the viewer asked for in the last 90 days, the latest first."
    )
    async def operations(
        self, info: Info, first: FirstArgument, after: AfterArgument = None
    ) -> OperationConnection:
        check_first(first)
        start: Any = None if after is None else decode_cursor(after, _CURSOR)
        rows = await reads.operations_of_owner(
            info.context.resources.database, self.user_id, first + 1, start
        )
        return OperationConnection.of_rows(
            rows, first, Operation.of, ordered_by=tuple(_CURSOR), continued=start is not None
        )
