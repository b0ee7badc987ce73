"""How far people are: in lessons, in videos, and each of their viewings.

Lessons and videos are named without foreign keys: one removed lesson must not write to every learner's row. What a removed
lesson leaves behind is swept by recomputing the course.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base

_ACCOUNT = "users.id"
_NOTHING = text("'{}'::int4multirange")


class LessonProgress(Base):
    """One person and one lesson. Hash-partitioned by person, as enrolments are."""

    __tablename__ = "lesson_progress"
    __table_args__ = ({"postgresql_partition_by": "HASH (user_id)"},)

    user_id: Mapped[int] = mapped_column(ForeignKey(_ACCOUNT), primary_key=True)
    lesson_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    course_id: Mapped[int] = mapped_column(BigInteger)
    opened_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    marked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When its learner said that they are done with it."""
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When its rule was first satisfied; a later change of the rule does not take it away."""


class VideoProgress(Base):
    """Current state of one person and one video. Ranges are milliseconds of the video, half open."""

    __tablename__ = "video_progress"
    __table_args__ = (
        CheckConstraint("position_ms >= 0 AND watched_ms >= 0", name="milliseconds"),
        {"postgresql_partition_by": "HASH (user_id)"},
    )

    user_id: Mapped[int] = mapped_column(ForeignKey(_ACCOUNT), primary_key=True)
    video_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    lesson_id: Mapped[int] = mapped_column(BigInteger)
    course_id: Mapped[int] = mapped_column(BigInteger)
    position_ms: Mapped[int] = mapped_column(Integer)
    """Where they last were: the last writer by the client's clock and sequence wins, so it may go back."""
    position_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    position_sequence: Mapped[int] = mapped_column(Integer)
    watched: Mapped[Any] = mapped_column(INT4MULTIRANGE, server_default=_NOTHING)
    """A union: it only grows."""
    watched_ms: Mapped[int] = mapped_column(Integer, server_default="0")
    """The length of `watched`."""
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When enough of it was watched."""


class WatchSession(Base):
    """One viewing, from play to pause. History, partitioned by month on the id: the time of its first beat and a hash of
    viewer and viewing key. Never dropped without an archive.
    """

    __tablename__ = "watch_sessions"
    __table_args__ = (
        # Whoever flushes looks for the viewing's own row.
        Index(None, "user_id", "viewing_key"),
        Index(None, "video_id", "id"),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger)
    video_id: Mapped[int] = mapped_column(BigInteger)
    course_id: Mapped[int] = mapped_column(BigInteger)
    viewing_key: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """By the client's clock, as is `ended_at`."""
    ended_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    watched: Mapped[Any] = mapped_column(INT4MULTIRANGE, server_default=_NOTHING)
    seeks: Mapped[Any] = mapped_column(INT4MULTIRANGE, server_default=_NOTHING)
    """Sequence numbers of its seeks: as a union, a beat that comes twice counts once."""
    device_class: Mapped[str] = mapped_column(Text)
