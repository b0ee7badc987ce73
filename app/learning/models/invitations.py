"""Who was invited, by address; when an address was written to, and how many addresses somebody has invited of late."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, Integer, Text, UniqueConstraint, Uuid, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class Invitation(Base):
    """An address that may enrol, whether or not it has an account. Gone when it was used, declined, or has expired."""

    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("course_id", "email_key"),
        Index(None, "email_key"),
        Index(None, "expires_at"),
        Index(None, "cohort_id"),
        Index(None, "invited_by"),
        Index("ix_invitations_course", "course_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    email: Mapped[str] = mapped_column(Text)
    email_key: Mapped[str] = mapped_column(Text)
    """As of accounts: what makes two spellings one address."""
    name: Mapped[str | None] = mapped_column(Text)
    """What a roster calls them; nothing that they said of themselves."""
    cohort_id: Mapped[int | None] = mapped_column(ForeignKey("cohorts.id", ondelete="SET NULL"))
    invited_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    """Who did so last."""
    message: Mapped[str | None] = mapped_column(Text)
    """What the mail says in their words."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class InvitationMail(Base):
    """When a mail was last asked for an address and a course. Outlives the invitation: one that was withdrawn and made
    again does not write again within a day. Swept after that.
    """

    __tablename__ = "invitation_mails"
    __table_args__ = (Index(None, "mailed_at"),)

    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), primary_key=True)
    email_key: Mapped[str] = mapped_column(Text, primary_key=True)
    mailed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class InvitationAllowance(Base):
    """How many addresses somebody has invited within the hour that began then. Swept when it is over."""

    __tablename__ = "invitation_allowances"
    __table_args__ = (Index(None, "hour_began"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    hour_began: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    addresses: Mapped[int] = mapped_column(Integer)
