"""Tables of the catalogue."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class CourseStatus(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class CourseLevel(StrEnum):
    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"


class LessonKind(StrEnum):
    VIDEO = "video"
    PAGE = "page"
    QUIZ = "quiz"
    LINK = "link"


class BodyFormat(StrEnum):
    MARKDOWN = "markdown"
    HTML = "html"


_PUBLISHED = text("status = 'published'")


class Course(Base):
    __tablename__ = "courses"
    __table_args__ = (
        CheckConstraint("status IN ('draft', 'published', 'archived')", name="status"),
        CheckConstraint("level IN ('beginner', 'intermediate', 'advanced')", name="level"),
        CheckConstraint("status = 'draft' OR published_at IS NOT NULL", name="published_at"),
        UniqueConstraint("source", "source_key"),
        # One index per order of `courses`, and one per filter that is selective enough to lead.
        Index("ix_courses_newest", "published_at", "id", postgresql_where=_PUBLISHED),
        Index("ix_courses_title", text("lower(title)"), "id", postgresql_where=_PUBLISHED),
        Index("ix_courses_category", "category", "published_at", "id", postgresql_where=_PUBLISHED),
        Index("ix_courses_language", "language", "published_at", "id", postgresql_where=_PUBLISHED),
        Index("ix_courses_featured", "featured_at", "id", postgresql_where=text("featured_at IS NOT NULL")),
        Index("ix_courses_instructor_id", "instructor_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    """Made from the first title, never changed after: links keep working."""
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    category: Mapped[str | None] = mapped_column(Text)
    level: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    """BCP 47 tag, lower case."""
    skills: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    status: Mapped[str] = mapped_column(Text, server_default=CourseStatus.DRAFT)
    instructor_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    """The lead, who is also among `course_instructors`."""
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    published_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When it was first published; publishing again does not make it new."""
    archived_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    featured_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    source: Mapped[str | None] = mapped_column(Text)
    """Where an imported course comes from; with `source_key` its identity across runs."""
    source_key: Mapped[str | None] = mapped_column(Text)
    source_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Of the row it was last imported from: only a row that has changed since overwrites what people edited here."""
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    """Columns of an import that map to nothing here, as text."""


class CourseInstructor(Base):
    __tablename__ = "course_instructors"
    __table_args__ = (Index("ix_course_instructors_user_id", "user_id", "course_id"),)

    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class CourseStats(Base):
    __tablename__ = "course_stats"
    __table_args__ = (
        Index("ix_course_stats_enrollment_count", "enrollment_count", "course_id"),
        Index("ix_course_stats_rating", "rating", "course_id"),
        CheckConstraint("enrollment_count >= 0 AND lesson_count >= 0 AND rating_count >= 0", name="counts"),
    )

    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), primary_key=True, autoincrement=False)
    enrollment_count: Mapped[int] = mapped_column(Integer, server_default="0")
    lesson_count: Mapped[int] = mapped_column(Integer, server_default="0")
    outline_version: Mapped[int] = mapped_column(Integer, server_default="0")
    """Grows with changes that learners' progress depends on."""
    rating_sum: Mapped[Decimal] = mapped_column(Numeric(16, 4), server_default="0")
    rating_count: Mapped[int] = mapped_column(Integer, server_default="0")
    rating_histogram: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=text("'{0,0,0,0,0}'"))
    """How many gave 1, 2, 3, 4, 5."""
    rating: Mapped[float] = mapped_column(
        Double,
        # 0 for "not rated yet" keeps one index order for all; the schema shows null instead.
        Computed(
            "CASE WHEN rating_count > 0 THEN (rating_sum / rating_count)::double precision ELSE 0 END",
            persisted=True,
        ),
    )


class Module(Base):
    __tablename__ = "modules"
    # Deferrable: a reorder passes through duplicates inside its transaction and may leave none behind.
    __table_args__ = (UniqueConstraint("course_id", "position", deferrable=True, initially="DEFERRED"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    position: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    source_key: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Lesson(Base):
    __tablename__ = "lessons"
    __table_args__ = (
        CheckConstraint("kind IN ('video', 'page', 'quiz', 'link')", name="kind"),
        CheckConstraint("body_format IN ('markdown', 'html')", name="body_format"),
        CheckConstraint("required_share > 0 AND required_share <= 1", name="required_share"),
        UniqueConstraint("module_id", "position", deferrable=True, initially="DEFERRED"),
        Index("ix_lessons_course_id", "course_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    """Repeats the module's course, so that a course's lessons are found without it."""
    module_id: Mapped[int] = mapped_column(ForeignKey("modules.id"))
    title: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(Integer)
    is_preview: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    external_url: Mapped[str | None] = mapped_column(Text)
    body_format: Mapped[str | None] = mapped_column(Text)
    body_source: Mapped[str | None] = mapped_column(Text)
    """As its author wrote it."""
    body_html: Mapped[str | None] = mapped_column(Text)
    """Rendered and sanitised when it was written."""
    required_share: Mapped[float] = mapped_column(Double, server_default="0.95")
    """Of a video: how much of its distinct time is to be watched. Not 1: players skip the last frames."""
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    source_key: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class VideoMetadata(Base):
    __tablename__ = "video_metadata"
    __table_args__ = (CheckConstraint("duration_ms > 0", name="duration"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    lesson_id: Mapped[int] = mapped_column(ForeignKey("lessons.id", ondelete="CASCADE"), unique=True)
    duration_ms: Mapped[int] = mapped_column(Integer)
    manifest_key: Mapped[str | None] = mapped_column(Text)
    """Where the stream's manifest lies in storage, or the only file there is."""
    captions: Mapped[list[dict[str, str]] | None] = mapped_column(JSONB)
    """Of each its language and where its WebVTT file lies."""


class UnnamedUpload(Base):
    """A folder of uploaded files in which nothing lies that a lesson's video names."""

    __tablename__ = "unnamed_uploads"
    __table_args__ = (Index("ix_unnamed_uploads_since", "since", "course_id", "upload_id"),)

    # No foreign key: a database that was restored may be older than its files.
    course_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    upload_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """When it was first found so."""
    given_up_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """From then on it cannot be named, and its files go."""
