"""Notifications: the lists, their counters, who wants what, the mails."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _account(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], ["users.id"], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE"
    )


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("for_digest", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _account("notifications", "recipient_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint(
            "recipient_id", "dedupe_key", name=op.f("uq_notifications_recipient_id_dedupe_key")
        ),
        sa.UniqueConstraint("recipient_id", "position", name=op.f("uq_notifications_recipient_id_position")),
    )
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        ["recipient_id", "position"],
        postgresql_where=sa.text("read_at IS NULL AND position IS NOT NULL"),
    )
    op.create_index(
        "ix_notifications_digest", "notifications", ["recipient_id"], postgresql_where=sa.text("for_digest")
    )
    op.create_table(
        "notification_counters",
        sa.Column("recipient_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unread", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("unread >= 0", name=op.f("ck_notification_counters_unread")),
        _account("notification_counters", "recipient_id"),
        sa.PrimaryKeyConstraint("recipient_id", name=op.f("pk_notification_counters")),
    )
    op.create_table(
        "notification_preferences",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("in_app", sa.Boolean(), nullable=False),
        sa.Column("mail", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.Boolean(), nullable=False),
        _account("notification_preferences", "user_id"),
        sa.PrimaryKeyConstraint("user_id", "kind", name=op.f("pk_notification_preferences")),
    )
    op.create_table(
        "notification_mails",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("notification_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("left_out", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="due", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('due', 'sent', 'failed', 'cancelled')", name=op.f("ck_notification_mails_state")
        ),
        _account("notification_mails", "recipient_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_mails")),
        sa.UniqueConstraint("recipient_id", "day", name=op.f("uq_notification_mails_recipient_id_day")),
    )
    op.create_index(
        "ix_notification_mails_due",
        "notification_mails",
        ["due_at", "id"],
        postgresql_where=sa.text("state = 'due'"),
    )


def downgrade() -> None:
    op.drop_table("notification_mails")
    op.drop_table("notification_preferences")
    op.drop_table("notification_counters")
    op.drop_table("notifications")
