"""Tables of the outbox. All stay small: rows go when their job is done, or after some weeks."""

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
    __table_args__ = (
        Index(None, "queue", "due_at", "id"),
        # Each process that caches asks for these every second, however long the queue is.
        Index("ix_jobs_forget_cached", "id", postgresql_where=text("name = 'forget_cached'")),
    )

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
    losses: Mapped[int] = mapped_column(Integer, server_default="0")
    """Attempts in a row that did not come to an end of any kind: their worker died."""
    event_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The event that it hears of; none for a job that was asked for directly."""
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
    event_id: Mapped[UUID | None] = mapped_column(Uuid)
    """As of the job: tried again, it still hears of the event once."""
    tries: Mapped[int] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(Text)
    traceback: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    failed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class ProcessedEvent(Base):
    """A consumer's note that an event has had its effect."""

    __tablename__ = "processed_events"
    __table_args__ = (Index(None, "processed_at"),)

    consumer: Mapped[str] = mapped_column(Text, primary_key=True)
    """The job's name."""
    event_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    processed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class CronRun(Base):
    """A run by the clock, from the moment it was due."""

    __tablename__ = "cron_runs"
    __table_args__ = (Index(None, "due_at"),)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Of the last attempt."""
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    outcome: Mapped[str | None] = mapped_column(Text)
    """succeeded or failed; none while it waits or runs."""
    result: Mapped[str | None] = mapped_column(Text)
    """What the run returned, or why it failed."""
