"""Progress of lessons and videos, and viewings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# A power of two can be split further, one part at a time. Eight keep vacuum short at tens of millions of rows, and cost
# little where there are few.
PARTS = 8


def upgrade() -> None:
    op.create_table(
        "lesson_progress",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("lesson_id", sa.BigInteger(), nullable=False),
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_lesson_progress_user_id")),
        sa.PrimaryKeyConstraint("user_id", "lesson_id", name=op.f("pk_lesson_progress")),
        postgresql_partition_by="HASH (user_id)",
    )
    op.create_table(
        "video_progress",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("video_id", sa.BigInteger(), nullable=False),
        sa.Column("lesson_id", sa.BigInteger(), nullable=False),
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("position_ms", sa.Integer(), nullable=False),
        sa.Column("position_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position_sequence", sa.Integer(), nullable=False),
        sa.Column(
            "watched",
            postgresql.INT4MULTIRANGE(),
            server_default=sa.text("'{}'::int4multirange"),
            nullable=False,
        ),
        sa.Column("watched_ms", sa.Integer(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "position_ms >= 0 AND watched_ms >= 0", name=op.f("ck_video_progress_milliseconds")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_video_progress_user_id")),
        sa.PrimaryKeyConstraint("user_id", "video_id", name=op.f("pk_video_progress")),
        postgresql_partition_by="HASH (user_id)",
    )
    op.create_table(
        "watch_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("video_id", sa.BigInteger(), nullable=False),
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("viewing_key", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "watched",
            postgresql.INT4MULTIRANGE(),
            server_default=sa.text("'{}'::int4multirange"),
            nullable=False,
        ),
        sa.Column(
            "seeks",
            postgresql.INT4MULTIRANGE(),
            server_default=sa.text("'{}'::int4multirange"),
            nullable=False,
        ),
        sa.Column("device_class", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch_sessions")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        op.f("ix_watch_sessions_user_id_viewing_key"),
        "watch_sessions",
        ["user_id", "viewing_key"],
        unique=False,
    )
    op.create_index(op.f("ix_watch_sessions_video_id_id"), "watch_sessions", ["video_id", "id"], unique=False)
    op.add_column("lessons", sa.Column("required_share", sa.Double(), server_default="0.95", nullable=False))
    for part in range(PARTS):
        op.execute(
            f"CREATE TABLE lesson_progress_hash{part} PARTITION OF lesson_progress FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {part})"
        )

    for part in range(PARTS):
        op.execute(
            f"CREATE TABLE video_progress_hash{part} PARTITION OF video_progress FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {part})"
        )

    op.execute(
        "SELECT make_monthly_partition('watch_sessions', (now() + n * interval '1 month')::date) FROM generate_series(0, 12) AS n"
    )
    op.create_check_constraint(
        op.f("ck_lessons_required_share"), "lessons", "required_share > 0 AND required_share <= 1"
    )
    op.add_column(
        "course_stats", sa.Column("outline_version", sa.Integer(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("course_stats", "outline_version")
    op.drop_column("lessons", "required_share")
    op.drop_table("watch_sessions")
    op.drop_table("video_progress")
    op.drop_table("lesson_progress")
