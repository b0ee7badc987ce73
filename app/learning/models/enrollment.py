"""Who is enrolled, who waits, who was invited, and under which rules."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
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
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base

ACCOUNT = "users.id"
COURSE = "courses.id"


class EnrollmentState(StrEnum):
    WAITLISTED = "waitlisted"
    """There was no seat. Promoted in order, withdrawn when the course closes for enrolment."""
    ACTIVE = "active"
    COMPLETED = "completed"
    """All lessons were done once. Nothing takes that away."""
    WITHDRAWN = "withdrawn"


class EnrollmentPolicy(Base):
    """A course's rules for enrolling; a course without a row is open to everybody, for ever."""

    __tablename__ = "enrollment_policies"
    __table_args__ = (
        CheckConstraint("capacity > 0", name="capacity"),
        CheckConstraint("closes_at > opens_at", name="closes_at"),
        CheckConstraint("waitlist_count >= 0", name="waitlist_count"),
        Index("ix_enrollment_policies_closing", "closes_at", postgresql_where=text("waitlist_count > 0")),
    )

    course_id: Mapped[int] = mapped_column(ForeignKey(COURSE), primary_key=True, autoincrement=False)
    capacity: Mapped[int | None] = mapped_column(Integer)
    """Seats; who is active or has completed takes one. Null: as many as want."""
    opens_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closes_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    invitation_only: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    next_waitlist_number: Mapped[int] = mapped_column(BigInteger, server_default="1")
    waitlist_count: Mapped[int] = mapped_column(Integer, server_default="0")


class CoursePrerequisite(Base):
    """`required_course_id` is to be completed before one enrols in `course_id`. The service keeps out circles."""

    __tablename__ = "course_prerequisites"
    __table_args__ = (
        CheckConstraint("course_id <> required_course_id", name="another"),
        Index(None, "required_course_id"),
    )

    course_id: Mapped[int] = mapped_column(ForeignKey(COURSE), primary_key=True)
    required_course_id: Mapped[int] = mapped_column(ForeignKey(COURSE), primary_key=True)


class Enrollment(Base):
    """One person and one course, whatever has happened between them. Hash-partitioned: see the decision on partitions."""

    __tablename__ = "enrollments"
    __table_args__ = (
        CheckConstraint("state IN ('waitlisted', 'active', 'completed', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'waitlisted') = (waitlist_number IS NOT NULL)", name="waitlist_number"),
        CheckConstraint("(state = 'completed') <= (completed_at IS NOT NULL)", name="completed_at"),
        CheckConstraint("lessons_completed >= 0", name="lessons_completed"),
        # Lists of a course's learners, in each state and in all.
        Index("ix_enrollments_course", "course_id", "created_at", "user_id"),
        Index("ix_enrollments_course_state", "course_id", "state", "created_at", "user_id"),
        # What was imported is counted by its source's results, which no other enrolment has.
        Index("ix_enrollments_imported", "course_id", postgresql_where=text("source = 'import'")),
        Index(
            "ix_enrollments_waitlist",
            "course_id",
            "waitlist_number",
            postgresql_where=text("state = 'waitlisted'"),
        ),
        {"postgresql_partition_by": "HASH (user_id)"},
    )

    user_id: Mapped[int] = mapped_column(ForeignKey(ACCOUNT), primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey(COURSE), primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    generation: Mapped[int] = mapped_column(Integer, server_default="1")
    """Grows when somebody enrols again after a withdrawal: with it each enrolment is one event with one id."""
    waitlist_number: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """When this began, on the waitlist or not. Of an import: what its source says."""
    enrolled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When they last got a seat."""
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When all lessons were first done; stays when they withdraw."""
    withdrawn_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    lessons_completed: Mapped[int] = mapped_column(Integer, server_default="0")
    """Of the lessons that the course has; kept with every change, checked and mended by recomputing."""
    last_active_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_lesson_id: Mapped[int | None] = mapped_column(BigInteger)
    """Where they were last. No foreign key: it may have been removed."""
    source: Mapped[str | None] = mapped_column(Text)
    """`import` for what came from another system; null for what was done here."""
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    """Facts of an import that have no place here."""


class EnrollmentEventKind(StrEnum):
    WAITLISTED = "waitlisted"
    ENROLLED = "enrolled"
    WITHDRAWN = "withdrawn"
    COMPLETED = "completed"


class EnrollmentEvent(Base):
    """What happened to an enrolment. Append-only; partitioned by month on the id, which is made of the time and a hash of
    what happened: the same event has the same id, whoever writes it again.
    """

    __tablename__ = "enrollment_events"
    __table_args__ = (
        CheckConstraint("kind IN ('waitlisted', 'enrolled', 'withdrawn', 'completed')", name="kind"),
        Index(None, "course_id", "id"),
        Index(None, "user_id", "id"),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger)
    """No foreign key: what has happened outlives accounts."""
    course_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(Text)
    generation: Mapped[int] = mapped_column(Integer)
    source: Mapped[str | None] = mapped_column(Text)
