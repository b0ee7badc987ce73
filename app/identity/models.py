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
    __table_args__ = (
        CheckConstraint("role IN ('student', 'instructor', 'admin')", name="role"),
        # Anybody may type any address: only who has proved that it is theirs owns it.
        Index(
            "uq_users_verified_email_key",
            "email_key",
            unique=True,
            postgresql_where=text("email_verified_at IS NOT NULL"),
        ),
        Index(None, "email_key", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    """As its owner wrote it, without surrounding space."""
    email_key: Mapped[str] = mapped_column(Text)
    """The same, folded: two addresses with one key are one mailbox. At most one verified account has it."""
    email_verified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When its owner proved to read mails to the address, or an operator vouched for it."""
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text, server_default=Role.STUDENT)
    locale: Mapped[str | None] = mapped_column(Text)
    """A language tag, such as pt-BR."""
    time_zone: Mapped[str | None] = mapped_column(Text)
    """A name of the IANA's database, such as Europe/Lisbon."""
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


class EmailTokenPurpose(StrEnum):
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a name, no secret


class EmailToken(Base):
    """What a link in a mail proves, once. Deleted when it is used."""

    __tablename__ = "email_tokens"
    __table_args__ = (
        CheckConstraint("purpose IN ('verify_email', 'reset_password')", name="purpose"),
        Index(None, "user_id"),
        Index(None, "expires_at"),
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of the token, which is in the mail alone."""
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class AttemptThrottle(Base):
    """Failed attempts of an account or an address: see throttling/."""

    __tablename__ = "attempt_throttles"
    __table_args__ = (Index(None, "last_failure"),)

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of the kind and the name: nobody is listed here."""
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    window_began: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    rests: Mapped[int] = mapped_column(Integer, server_default="0")
    """How many rests it has had in a row."""
    rests_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_failure: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
