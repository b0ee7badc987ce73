"""Tables of identity."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Identity, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class Role(StrEnum):
    STUDENT = "student"
    INSTRUCTOR = "instructor"
    ADMIN = "admin"


class User(Base):
    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('student', 'instructor', 'admin')", name="role"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    """As its owner wrote it, without surrounding space."""
    email_key: Mapped[str] = mapped_column(Text, unique=True)
    """The same, folded: two addresses with one key are one account."""
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text, server_default=Role.STUDENT)
    password_hash: Mapped[str | None] = mapped_column(Text)
    """argon2id; null for accounts that nobody can sign in to, such as the import's."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
