"""Accounts prove their addresses, keep a locale and a time zone; tokens in mails; failed attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("email_verified_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("locale", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("time_zone", sa.Text(), nullable=True))
    # Whoever has an account already was the first with its address: nobody takes it from them.
    op.execute("UPDATE users SET email_verified_at = created_at")
    op.drop_constraint("uq_users_email_key", "users")
    op.create_index(
        "uq_users_verified_email_key",
        "users",
        ["email_key"],
        unique=True,
        postgresql_where=sa.text("email_verified_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_users_email_key_id"), "users", ["email_key", "id"])
    op.create_table(
        "email_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('verify_email', 'reset_password')", name=op.f("ck_email_tokens_purpose")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_email_tokens_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_email_tokens")),
    )
    op.create_index(op.f("ix_email_tokens_user_id"), "email_tokens", ["user_id"])
    op.create_index(op.f("ix_email_tokens_expires_at"), "email_tokens", ["expires_at"])
    op.create_table(
        "attempt_throttles",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("window_began", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rests", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rests_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_failure", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attempt_throttles")),
    )
    op.create_index(op.f("ix_attempt_throttles_last_failure"), "attempt_throttles", ["last_failure"])


def downgrade() -> None:
    op.drop_table("attempt_throttles")
    op.drop_table("email_tokens")
    # Fails where two accounts have one address meanwhile: somebody has to choose which stays.
    op.create_unique_constraint("uq_users_email_key", "users", ["email_key"])
    op.drop_index("ix_users_email_key_id", "users")
    op.drop_index("uq_users_verified_email_key", "users")
    op.drop_column("users", "time_zone")
    op.drop_column("users", "locale")
    op.drop_column("users", "email_verified_at")
