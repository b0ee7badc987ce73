"""Enrolments, their events and rules; cohorts; invitations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A power of two can be split further, one part at a time. Eight keep vacuum short at tens of millions of rows, and cost
# little where there are few.
PARTS = 8


def upgrade() -> None:
    op.create_table(
        "cohorts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_cohorts_course_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohorts")),
        sa.UniqueConstraint("course_id", "name", name=op.f("uq_cohorts_course_id_name")),
    )
    op.create_table(
        "cohort_members",
        sa.Column("cohort_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["cohort_id"], ["cohorts.id"], name=op.f("fk_cohort_members_cohort_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_cohort_members_user_id")),
        sa.PrimaryKeyConstraint("cohort_id", "user_id", name=op.f("pk_cohort_members")),
    )
    op.create_index(
        op.f("ix_cohort_members_user_id_cohort_id"), "cohort_members", ["user_id", "cohort_id"], unique=False
    )
    op.create_table(
        "course_prerequisites",
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("required_course_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("course_id <> required_course_id", name=op.f("ck_course_prerequisites_another")),
        sa.ForeignKeyConstraint(
            ["course_id"], ["courses.id"], name=op.f("fk_course_prerequisites_course_id")
        ),
        sa.ForeignKeyConstraint(
            ["required_course_id"], ["courses.id"], name=op.f("fk_course_prerequisites_required_course_id")
        ),
        sa.PrimaryKeyConstraint("course_id", "required_course_id", name=op.f("pk_course_prerequisites")),
    )
    op.create_index(
        op.f("ix_course_prerequisites_required_course_id"),
        "course_prerequisites",
        ["required_course_id"],
        unique=False,
    )
    op.create_table(
        "enrollment_policies",
        sa.Column("course_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("invitation_only", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("next_waitlist_number", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("waitlist_count", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("capacity > 0", name=op.f("ck_enrollment_policies_capacity")),
        sa.CheckConstraint("closes_at > opens_at", name=op.f("ck_enrollment_policies_closes_at")),
        sa.CheckConstraint("waitlist_count >= 0", name=op.f("ck_enrollment_policies_waitlist_count")),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_enrollment_policies_course_id")),
        sa.PrimaryKeyConstraint("course_id", name=op.f("pk_enrollment_policies")),
    )
    op.create_index(
        "ix_enrollment_policies_closing",
        "enrollment_policies",
        ["closes_at"],
        unique=False,
        postgresql_where=sa.text("waitlist_count > 0"),
    )
    op.create_table(
        "enrollments",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("waitlist_number", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lessons_completed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_active_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_lesson_id", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(state = 'completed') <= (completed_at IS NOT NULL)", name=op.f("ck_enrollments_completed_at")
        ),
        sa.CheckConstraint(
            "(state = 'waitlisted') = (waitlist_number IS NOT NULL)",
            name=op.f("ck_enrollments_waitlist_number"),
        ),
        sa.CheckConstraint(
            "state IN ('waitlisted', 'active', 'completed', 'withdrawn')", name=op.f("ck_enrollments_state")
        ),
        sa.CheckConstraint("lessons_completed >= 0", name=op.f("ck_enrollments_lessons_completed")),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_enrollments_course_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_enrollments_user_id")),
        sa.PrimaryKeyConstraint("user_id", "course_id", name=op.f("pk_enrollments")),
        postgresql_partition_by="HASH (user_id)",
    )
    op.create_index(
        "ix_enrollments_course", "enrollments", ["course_id", "created_at", "user_id"], unique=False
    )
    op.create_index(
        "ix_enrollments_course_state",
        "enrollments",
        ["course_id", "state", "created_at", "user_id"],
        unique=False,
    )
    op.create_index(
        "ix_enrollments_imported",
        "enrollments",
        ["course_id"],
        unique=False,
        postgresql_where=sa.text("source = 'import'"),
    )
    op.create_index(
        "ix_enrollments_waitlist",
        "enrollments",
        ["course_id", "waitlist_number"],
        unique=False,
        postgresql_where=sa.text("state = 'waitlisted'"),
    )
    op.create_table(
        "enrollment_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('waitlisted', 'enrolled', 'withdrawn', 'completed')",
            name=op.f("ck_enrollment_events_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrollment_events")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(
        op.f("ix_enrollment_events_course_id_id"), "enrollment_events", ["course_id", "id"], unique=False
    )
    op.create_index(
        op.f("ix_enrollment_events_user_id_id"), "enrollment_events", ["user_id", "id"], unique=False
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("cohort_id", sa.BigInteger(), nullable=True),
        sa.Column("invited_by", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["cohort_id"], ["cohorts.id"], name=op.f("fk_invitations_cohort_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_invitations_course_id")),
        sa.ForeignKeyConstraint(["invited_by"], ["users.id"], name=op.f("fk_invitations_invited_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("course_id", "email_key", name=op.f("uq_invitations_course_id_email_key")),
    )
    op.create_index(op.f("ix_invitations_cohort_id"), "invitations", ["cohort_id"], unique=False)
    op.create_index("ix_invitations_course", "invitations", ["course_id", "id"], unique=False)
    op.create_index(op.f("ix_invitations_email_key"), "invitations", ["email_key"], unique=False)
    op.create_index(op.f("ix_invitations_expires_at"), "invitations", ["expires_at"], unique=False)
    op.create_index(op.f("ix_invitations_invited_by"), "invitations", ["invited_by"], unique=False)
    op.create_table(
        "invitation_mails",
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_invitation_mails_course_id")),
        sa.PrimaryKeyConstraint("course_id", "email_key", name=op.f("pk_invitation_mails")),
    )
    op.create_index(op.f("ix_invitation_mails_mailed_at"), "invitation_mails", ["mailed_at"], unique=False)
    op.create_table(
        "invitation_allowances",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("hour_began", sa.DateTime(timezone=True), nullable=False),
        sa.Column("addresses", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_invitation_allowances_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_invitation_allowances")),
    )
    op.create_index(
        op.f("ix_invitation_allowances_hour_began"), "invitation_allowances", ["hour_began"], unique=False
    )
    for part in range(PARTS):
        op.execute(
            f"CREATE TABLE enrollments_hash{part} PARTITION OF enrollments FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {part})"
        )

    op.execute(
        "SELECT make_monthly_partition('enrollment_events', (now() + n * interval '1 month')::date) FROM generate_series(0, 12) AS n"
    )


def downgrade() -> None:
    op.drop_table("invitation_allowances")
    op.drop_table("invitation_mails")
    op.drop_table("invitations")
    op.drop_table("enrollment_events")
    op.drop_table("enrollments")
    op.drop_table("enrollment_policies")
    op.drop_table("course_prerequisites")
    op.drop_table("cohort_members")
    op.drop_table("cohorts")
