"""Events that consumers hear once; runs by the clock; attempts whose worker died; what caches must forget."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("losses", sa.Integer(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("event_id", sa.Uuid(), nullable=True))
    op.add_column("dead_letters", sa.Column("event_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_jobs_forget_cached", "jobs", ["id"], postgresql_where=sa.text("name = 'forget_cached'")
    )
    op.create_table(
        "processed_events",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column(
            "processed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_processed_events")),
    )
    op.create_index(op.f("ix_processed_events_processed_at"), "processed_events", ["processed_at"])
    op.create_table(
        "cron_runs",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", "due_at", name=op.f("pk_cron_runs")),
    )
    op.create_index(op.f("ix_cron_runs_due_at"), "cron_runs", ["due_at"])


def downgrade() -> None:
    op.drop_table("cron_runs")
    op.drop_table("processed_events")
    op.drop_index("ix_jobs_forget_cached", table_name="jobs")
    op.drop_column("dead_letters", "event_id")
    op.drop_column("jobs", "event_id")
    op.drop_column("jobs", "losses")
