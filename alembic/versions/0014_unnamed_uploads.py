"""Uploaded files that no lesson names."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unnamed_uploads",
        sa.Column("course_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("course_id", "upload_id", name=op.f("pk_unnamed_uploads")),
    )
    op.create_index(
        "ix_unnamed_uploads_since", "unnamed_uploads", ["since", "course_id", "upload_id"], unique=False
    )


def downgrade() -> None:
    op.drop_table("unnamed_uploads")
