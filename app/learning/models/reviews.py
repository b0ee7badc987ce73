"""What learners think of a course."""

from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, SmallInteger, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class CourseReview(Base):
    """One a learner and course. A removed one counts in no sum; its author sees that, and why."""

    __tablename__ = "course_reviews"
    __table_args__ = (
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
        CheckConstraint("(removed_at IS NULL) = (removal_reason IS NULL)", name="removal_reason"),
        Index(None, "user_id"),
        Index(None, "removed_by"),
        Index(
            "ix_course_reviews_newest",
            "course_id",
            "updated_at",
            "user_id",
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    rating: Mapped[int] = mapped_column(SmallInteger)
    body: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    removed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    removed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    removal_reason: Mapped[str | None] = mapped_column(Text)
