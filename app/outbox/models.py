"""Tables of the outbox. Rows are deleted when their job is done: both tables stay small."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, Integer, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class WaitingJob(Base):
    """A job that is not done: waiting, running, or between two attempts."""

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "due_at", "id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    """Of a job with a key a hash of name and key: asked for twice, it waits once."""
    name: Mapped[str] = mapped_column(Text)
    queue: Mapped[str] = mapped_column(Text)
    payload: Mapped[Any] = mapped_column(JSONB)
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """When it may run; while it runs, when it counts as lost."""
    handed_over_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the relay last told a worker of it. The first telling, right after the commit, is not written down."""
    tries: Mapped[int] = mapped_column(Integer, server_default="0")
    fence: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Grows with each attempt: an attempt that was given up as lost can no longer record anything."""
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class DeadLetter(Base):
    """A job that failed too often, or for good: an operator decides."""

    __tablename__ = "dead_letters"
    __table_args__ = (Index(None, "failed_at"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    queue: Mapped[str] = mapped_column(Text)
    payload: Mapped[Any] = mapped_column(JSONB)
    tries: Mapped[int] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(Text)
    traceback: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    failed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
