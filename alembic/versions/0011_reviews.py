"""Reviews of courses, and how often each rating was given."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "course_reviews",
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("rating", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_by", sa.BigInteger(), nullable=True),
        sa.Column("removal_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(removed_at IS NULL) = (removal_reason IS NULL)", name=op.f("ck_course_reviews_removal_reason")
        ),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name=op.f("ck_course_reviews_rating")),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_course_reviews_course_id")),
        sa.ForeignKeyConstraint(["removed_by"], ["users.id"], name=op.f("fk_course_reviews_removed_by")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_course_reviews_user_id")),
        sa.PrimaryKeyConstraint("course_id", "user_id", name=op.f("pk_course_reviews")),
    )
    op.create_index(
        "ix_course_reviews_newest",
        "course_reviews",
        ["course_id", "updated_at", "user_id"],
        unique=False,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_index(op.f("ix_course_reviews_removed_by"), "course_reviews", ["removed_by"], unique=False)
    op.create_index(op.f("ix_course_reviews_user_id"), "course_reviews", ["user_id"], unique=False)
    op.add_column(
        "course_stats",
        sa.Column(
            "rating_histogram",
            sa.ARRAY(sa.Integer()),
            server_default=sa.text("'{0,0,0,0,0}'"),
            nullable=False,
        ),
    )


def downgrade() -> None:
    op.drop_column("course_stats", "rating_histogram")
    op.drop_table("course_reviews")
