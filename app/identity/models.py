"""Tables of identity."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    func,
    text,
)
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


class AuthSession(Base):
    """A sign-in on one device: a family of refresh tokens, of which only the newest may be used."""

    __tablename__ = "auth_sessions"
    __table_args__ = (
        Index(None, "user_id"),
        # The processes ask each second who was revoked lately; hardly any row is.
        Index(None, "revoked_at", postgresql_where=text("revoked_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"))
    seed: Mapped[bytes] = mapped_column(LargeBinary)
    """Random, 16 bytes: without it the server's key alone makes no token."""
    generation: Mapped[int] = mapped_column(Integer)
    """Of the newest token, from 1."""
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the newest token."""
    device: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    rotated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
