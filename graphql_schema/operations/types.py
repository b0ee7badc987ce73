"""Operation: a long job, how far it is and what became of it."""

from datetime import datetime
from typing import Self
from uuid import UUID

import strawberry

from app.jobs import OperationKind
from app.operations.models import OperationErrorCode, OperationState
from graphql_schema.enums import described
from graphql_schema.fields import field
from graphql_schema.node import Node, global_id, is_node
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row

described(
    OperationKind,
    "What kind of work it is. The list grows: keep a default branch.",
    {
        OperationKind.IMPORT_CATALOG: "Courses are imported from a CSV file.",
        OperationKind.IMPORT_CURRICULUM: "Course trees are imported from an archive.",
        OperationKind.IMPORT_LEARNERS: "Courses and enrolments of a university are imported from its files.",
        OperationKind.RECOMPUTE_PROGRESS: "Learners' progress is counted anew after a course has changed.",
    },
)
described(
    OperationState,
    "How far an operation is. SUCCEEDED, FAILED and CANCELLED are ends: nothing changes any more.",
    {
        OperationState.QUEUED: "Waits for a worker.",
        OperationState.RUNNING: "Has begun; also while it waits to go on after an interruption.",
        OperationState.SUCCEEDED: "Done.",
        OperationState.FAILED: "Given up; `error` says why.",
        OperationState.CANCELLED: "Stopped because its owner wanted so. What was done until then stays.",
    },
)
described(
    OperationErrorCode,
    "Why an operation failed. The list grows: keep a default branch.",
    {
        OperationErrorCode.REFUSED: "It cannot be done as it was asked; `message` says why.",
        OperationErrorCode.LOST: "It was interrupted again and again.",
        OperationErrorCode.TIMED_OUT: "It was not done in time.",
        OperationErrorCode.INTERNAL: "A mistake of ours.",
    },
)


@strawberry.type(description="A number of an operation's result.")
@policy(PUBLIC)
class OperationFigure:
    name: str = field(description="What is counted, such as created.")
    count: int = field(description="How many.")


@strawberry.type(description="Why an operation failed.")
@policy(PUBLIC)
class OperationError:
    code: OperationErrorCode = field(description="For programs.")
    message: str = field(description="For people.")


@is_node(lambda loaders: loaders.operations.operation, key=UUID)
@strawberry.type(
    description="Work that takes longer than a request. Seen by its owner and by administrators; ask again to follow it."
)
@policy(PUBLIC)
class Operation(Node):
    kind: OperationKind | None = field(
        description="What kind of work it is; null for one that this release does not know."
    )
    state: OperationState = field(description="How far it is.")
    progress: float | None = field(
        description="From 0 to 1, never going back; null while nobody knows. 1 is not the end: `state` is."
    )
    message: str | None = field(description="What it is at, or what it came to, for people.")
    created_at: datetime = field(description="When it was asked for.")
    started_at: datetime | None = field(description="When its work began; null before.")
    finished_at: datetime | None = field(description="When it ended; null before.")
    cancel_requested: bool = field(description="Whether somebody asked to cancel it.")
    result: list[OperationFigure] | None = field(
        description="What came of it, in at most 50 figures; null before the end. Of one that was cancelled or failed, what "
        "was done until then."
    )
    error: OperationError | None = field(description="Why it failed; null unless it did.")

    @classmethod
    def of(cls, row: Row) -> Self:
        """From a row of reads.SHOWN_COLUMNS."""
        code, figures = row["error_code"], row["result"]
        return cls(
            id=global_id("Operation", row["id"]),
            kind=OperationKind(row["kind"]) if row["kind"] in set(OperationKind) else None,
            state=OperationState(row["state"]),
            progress=row["progress"],
            message=row["message"],
            created_at=row["created_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            cancel_requested=row["cancel_requested_at"] is not None,
            result=None if figures is None else [OperationFigure(**figure) for figure in figures],
            error=None
            if code is None
            else OperationError(code=OperationErrorCode(code), message=row["error_message"]),
        )
