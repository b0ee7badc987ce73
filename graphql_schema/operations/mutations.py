"""Cancelling operations."""

import strawberry

from app.database import Transaction
from app.operations import service
from app.operations.errors import OperationNotFound
from graphql_schema.context import Context
from graphql_schema.fields import field
from graphql_schema.mutation import UserError, mutation, user_errors
from graphql_schema.node import uuid_of
from graphql_schema.operations.types import Operation
from graphql_schema.permissions import PUBLIC, SIGNED_IN, policy


@strawberry.input(description="The operation that nobody wants any more.")
class CancelOperationInput:
    operation_id: strawberry.ID = strawberry.field(description="One of `viewer.operations`.")


@strawberry.type(description="The operation, cancelled or about to be.")
@policy(PUBLIC)
class CancelOperationPayload:
    operation: Operation | None = field(
        description="CANCELLED if it had not begun, else RUNNING until its next step; null when there are errors.",
        default=None,
    )
    user_errors: list[UserError] = user_errors()


async def cancel_operation(
    tx: Transaction, context: Context, input: CancelOperationInput
) -> CancelOperationPayload:
    operation_id = uuid_of("Operation", input.operation_id)
    if operation_id is None:
        raise OperationNotFound
    row = await service.cancel(tx, context.actor, operation_id=operation_id)
    return CancelOperationPayload(operation=Operation.of(row))


@strawberry.type
class OperationMutations:
    cancel_operation = mutation(
        cancel_operation,
        policy=SIGNED_IN,
        description="Cancels an operation: at once while it waits, at its next step when it runs. What is done stays. "
        "For its owner and administrators.",
    )
