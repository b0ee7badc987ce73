"""Tables of notifications."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base

_ACCOUNT = "users.id"


class MailState(StrEnum):
    DUE = "due"
    SENT = "sent"
    FAILED = "failed"
    """Refused by the server, or given up."""
    CANCELLED = "cancelled"
    """Its recipient wanted it no more, or has no proven address any more."""


class Notification(Base):
    """One for each recipient and dedupe key."""

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("recipient_id", "dedupe_key"),
        UniqueConstraint("recipient_id", "position"),
        Index(
            "ix_notifications_unread",
            "recipient_id",
            "position",
            postgresql_where=text("read_at IS NULL AND position IS NOT NULL"),
        ),
        Index("ix_notifications_digest", "recipient_id", postgresql_where=text("for_digest")),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    recipient_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(_ACCOUNT, ondelete="CASCADE"))
    position: Mapped[int | None] = mapped_column(BigInteger)
    """Its place in the recipient's list, in the order of commits; none for what they do not want in it."""
    kind: Mapped[str] = mapped_column(Text)
    dedupe_key: Mapped[str] = mapped_column(Text)
    payload: Mapped[Any] = mapped_column(JSONB)
    """Facts of the event; the words are made when somebody reads them."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    read_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    for_digest: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    """Waits for the next digest."""


class NotificationCounter(Base):
    """Of one recipient. Its row is locked until the commit by whoever adds or reads notifications."""

    __tablename__ = "notification_counters"
    __table_args__ = (CheckConstraint("unread >= 0", name="unread"),)

    recipient_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(_ACCOUNT, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    position: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Of the newest in the list."""
    unread: Mapped[int] = mapped_column(Integer, server_default="0")
    """How many of the list have no `read_at`."""


class NotificationPreference(Base):
    """What an account has chosen; where there is no row the kind's defaults hold."""

    __tablename__ = "notification_preferences"

    user_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(_ACCOUNT, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    in_app: Mapped[bool] = mapped_column(Boolean)
    mail: Mapped[bool] = mapped_column(Boolean)
    digest: Mapped[bool] = mapped_column(Boolean)


class NotificationMail(Base):
    """A mail to be sent, and what became of it. Forgotten some weeks after."""

    __tablename__ = "notification_mails"
    __table_args__ = (
        CheckConstraint("state IN ('due', 'sent', 'failed', 'cancelled')", name="state"),
        UniqueConstraint("recipient_id", "day"),
        Index("ix_notification_mails_due", "due_at", "id", postgresql_where=text("state = 'due'")),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"))
    """Also the mail's Message-ID. Of a mail about one notification, that notification's."""
    recipient_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(_ACCOUNT, ondelete="CASCADE"))
    day: Mapped[date | None] = mapped_column(Date)
    """Of a digest; none for a mail about one notification."""
    notification_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    """What it tells of, the newest first."""
    left_out: Mapped[int] = mapped_column(Integer, server_default="0")
    """How many more a digest would have told of."""
    state: Mapped[str] = mapped_column(Text, server_default=MailState.DUE)
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    """When it may be tried; while it is tried, when that attempt counts as lost."""
    tries: Mapped[int] = mapped_column(Integer, server_default="0")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
