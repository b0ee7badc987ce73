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

SUCCESS = "SUCCESS"
"""Outcome of an audited mutation that did what it was asked; every other outcome is the code of its error."""


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


class AuditEntry(Base):
    """One attempt at a mutation. Append-only: a trigger refuses changes. Partitioned by month on the id."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index(None, "actor_id", "id"),
        Index(None, "subject", "id"),
        Index(None, "action", "id"),
        Index("ix_audit_log_failures", "id", postgresql_where=text(f"outcome <> '{SUCCESS}'")),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    """Who asked; null when anonymous. No foreign key: the entry outlives the account."""
    session_id: Mapped[UUID | None] = mapped_column(Uuid)
    action: Mapped[str] = mapped_column(Text)
    """The mutation's name, as in the schema."""
    outcome: Mapped[str] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    """What it was done to, or meant for: type and key, such as Course:12."""
    client_address: Mapped[str | None] = mapped_column(Text)
    device: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(Text)
