"""Accounts and the catalogue, and the function by which time-partitioned tables are bounded."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# The smallest UUIDv7 of an instant. IMMUTABLE, so that the planner prunes partitions with it; `extract` of an epoch does
# not depend on the time zone, which PostgreSQL cannot know.
UUID_FLOOR = """
CREATE FUNCTION uuid_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$
"""


def upgrade() -> None:
    op.execute(UUID_FLOOR)
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), server_default="student", nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('student', 'instructor', 'admin')", name=op.f("ck_users_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
    )
    op.create_table(
        "courses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("level", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("skills", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("status", sa.Text(), server_default="draft", nullable=False),
        sa.Column("instructor_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("featured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("source_key", sa.Text(), nullable=True),
        sa.Column("source_hash", sa.LargeBinary(), nullable=True),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "level IN ('beginner', 'intermediate', 'advanced')", name=op.f("ck_courses_level")
        ),
        sa.CheckConstraint(
            "status = 'draft' OR published_at IS NOT NULL", name=op.f("ck_courses_published_at")
        ),
        sa.CheckConstraint("status IN ('draft', 'published', 'archived')", name=op.f("ck_courses_status")),
        sa.ForeignKeyConstraint(["instructor_id"], ["users.id"], name=op.f("fk_courses_instructor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_courses")),
        sa.UniqueConstraint("slug", name=op.f("uq_courses_slug")),
        sa.UniqueConstraint("source", "source_key", name=op.f("uq_courses_source_source_key")),
    )
    op.create_index(
        "ix_courses_category",
        "courses",
        ["category", "published_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'published'"),
    )
    op.create_index(
        "ix_courses_featured",
        "courses",
        ["featured_at", "id"],
        unique=False,
        postgresql_where=sa.text("featured_at IS NOT NULL"),
    )
    op.create_index("ix_courses_instructor_id", "courses", ["instructor_id"], unique=False)
    op.create_index(
        "ix_courses_language",
        "courses",
        ["language", "published_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'published'"),
    )
    op.create_index(
        "ix_courses_newest",
        "courses",
        ["published_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'published'"),
    )
    op.create_index(
        "ix_courses_title",
        "courses",
        [sa.literal_column("lower(title)"), "id"],
        unique=False,
        postgresql_where=sa.text("status = 'published'"),
    )
    op.create_table(
        "course_instructors",
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_course_instructors_course_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_course_instructors_user_id")),
        sa.PrimaryKeyConstraint("course_id", "user_id", name=op.f("pk_course_instructors")),
    )
    op.create_index(
        "ix_course_instructors_user_id", "course_instructors", ["user_id", "course_id"], unique=False
    )
    op.create_table(
        "course_stats",
        sa.Column("course_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("enrollment_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lesson_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rating_sum", sa.Numeric(precision=16, scale=4), server_default="0", nullable=False),
        sa.Column("rating_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "rating",
            sa.Double(),
            sa.Computed(
                "CASE WHEN rating_count > 0 THEN (rating_sum / rating_count)::double precision ELSE 0 END",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.CheckConstraint(
            "enrollment_count >= 0 AND lesson_count >= 0 AND rating_count >= 0",
            name=op.f("ck_course_stats_counts"),
        ),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_course_stats_course_id")),
        sa.PrimaryKeyConstraint("course_id", name=op.f("pk_course_stats")),
    )
    op.create_index(
        "ix_course_stats_enrollment_count", "course_stats", ["enrollment_count", "course_id"], unique=False
    )
    op.create_index("ix_course_stats_rating", "course_stats", ["rating", "course_id"], unique=False)
    op.create_table(
        "modules",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("source_key", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_modules_course_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_modules")),
        sa.UniqueConstraint(
            "course_id",
            "position",
            deferrable=True,
            initially="DEFERRED",
            name=op.f("uq_modules_course_id_position"),
        ),
    )
    op.create_table(
        "lessons",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("module_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_preview", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("external_url", sa.Text(), nullable=True),
        sa.Column("body_format", sa.Text(), nullable=True),
        sa.Column("body_source", sa.Text(), nullable=True),
        sa.Column("body_html", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("source_key", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("body_format IN ('markdown', 'html')", name=op.f("ck_lessons_body_format")),
        sa.CheckConstraint("kind IN ('video', 'page', 'quiz', 'link')", name=op.f("ck_lessons_kind")),
        sa.ForeignKeyConstraint(["course_id"], ["courses.id"], name=op.f("fk_lessons_course_id")),
        sa.ForeignKeyConstraint(["module_id"], ["modules.id"], name=op.f("fk_lessons_module_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lessons")),
        sa.UniqueConstraint(
            "module_id",
            "position",
            deferrable=True,
            initially="DEFERRED",
            name=op.f("uq_lessons_module_id_position"),
        ),
    )
    op.create_index("ix_lessons_course_id", "lessons", ["course_id"], unique=False)
    op.create_table(
        "video_metadata",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("lesson_id", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("manifest_key", sa.Text(), nullable=True),
        sa.CheckConstraint("duration_ms > 0", name=op.f("ck_video_metadata_duration")),
        sa.ForeignKeyConstraint(
            ["lesson_id"], ["lessons.id"], name=op.f("fk_video_metadata_lesson_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_metadata")),
        sa.UniqueConstraint("lesson_id", name=op.f("uq_video_metadata_lesson_id")),
    )


def downgrade() -> None:
    op.drop_table("video_metadata")
    op.drop_index("ix_lessons_course_id", table_name="lessons")
    op.drop_table("lessons")
    op.drop_table("modules")
    op.drop_index("ix_course_stats_rating", table_name="course_stats")
    op.drop_index("ix_course_stats_enrollment_count", table_name="course_stats")
    op.drop_table("course_stats")
    op.drop_index("ix_course_instructors_user_id", table_name="course_instructors")
    op.drop_table("course_instructors")
    op.drop_index("ix_courses_title", table_name="courses", postgresql_where=sa.text("status = 'published'"))
    op.drop_index("ix_courses_newest", table_name="courses", postgresql_where=sa.text("status = 'published'"))
    op.drop_index(
        "ix_courses_language", table_name="courses", postgresql_where=sa.text("status = 'published'")
    )
    op.drop_index("ix_courses_instructor_id", table_name="courses")
    op.drop_index(
        "ix_courses_featured", table_name="courses", postgresql_where=sa.text("featured_at IS NOT NULL")
    )
    op.drop_index(
        "ix_courses_category", table_name="courses", postgresql_where=sa.text("status = 'published'")
    )
    op.drop_table("courses")
    op.drop_table("users")
    op.execute("DROP FUNCTION uuid_floor(timestamptz)")
