"""Tables of operations."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class OperationState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    """Also between two attempts: it has begun, and will go on."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class OperationErrorCode(StrEnum):
    REFUSED = "refused"
    """It cannot be done as it was asked."""
    LOST = "lost"
    """Its workers died, each time, or its job is gone."""
    TIMED_OUT = "timed_out"
    INTERNAL = "internal"
    """A bug: the log knows more."""


OPEN = "state IN ('queued', 'running')"
"""As a literal: only so does the planner see that the index of the open ones serves."""


class Operation(Base):
    """A long job and what became of it. Kept for 90 days after its end."""

    __tablename__ = "operations"
    __table_args__ = (
        CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name="state",
        ),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
        # Whatever is over has a time at which it ended, and only that.
        CheckConstraint(
            "(state IN ('queued', 'running')) = (finished_at IS NULL)",
            name="finished_at",
        ),
        Index(None, "owner_id", "id"),
        Index("ix_operations_open", "id", postgresql_where=text(OPEN)),
        Index(None, "finished_at"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    kind: Mapped[str] = mapped_column(Text)
    """One of jobs.OperationKind, of this release or of another."""
    owner_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(Text, server_default=OperationState.QUEUED)
    arguments: Mapped[Any] = mapped_column(JSONB)
    """What its kind makes of them; shown to nobody."""
    progress: Mapped[float | None] = mapped_column(Double)
    """0 to 1; null while nobody knows."""
    message: Mapped[str | None] = mapped_column(Text)
    result: Mapped[Any | None] = mapped_column(JSONB)
    """[{name, count}, ...]: what came of it, so far as it came."""
    error_code: Mapped[str | None] = mapped_column(Text)
    error_message: Mapped[str | None] = mapped_column(Text)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Of the first attempt."""
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
