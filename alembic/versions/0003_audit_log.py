"""The audit log, and what makes monthly partitions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# CREATE TABLE ... PARTITION OF would lock the parent against everybody; ATTACH lets readers and writers go on. Its lock
# is taken before the second look, so that of two processes that start at once one makes the partition.
MAKE_MONTHLY_PARTITION = """
CREATE FUNCTION make_monthly_partition(parent text, month date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    begins date := date_trunc('month', month::timestamp)::date;
    partition text := parent || '_' || to_char(begins, 'YYYY_MM');
BEGIN
    IF to_regclass(quote_ident(partition)) IS NOT NULL THEN RETURN false; END IF;
    EXECUTE format('LOCK TABLE %I IN SHARE UPDATE EXCLUSIVE MODE', parent);
    IF to_regclass(quote_ident(partition)) IS NOT NULL THEN RETURN false; END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
    EXECUTE format(
        'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition,
        uuid_floor(begins::timestamp AT TIME ZONE 'UTC'),
        uuid_floor((begins + interval '1 month') AT TIME ZONE 'UTC'));
    RETURN true;
END
$$
"""

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$
"""


def upgrade() -> None:
    op.execute(MAKE_MONTHLY_PARTITION)
    op.execute(REFUSE_CHANGE)
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("client_address", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(op.f("ix_audit_log_actor_id_id"), "audit_log", ["actor_id", "id"])
    op.create_index(op.f("ix_audit_log_subject_id"), "audit_log", ["subject", "id"])
    op.create_index(op.f("ix_audit_log_action_id"), "audit_log", ["action", "id"])
    op.create_index(
        "ix_audit_log_failures", "audit_log", ["id"], postgresql_where=sa.text("outcome <> 'SUCCESS'")
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "SELECT make_monthly_partition('audit_log', (now() + n * interval '1 month')::date) FROM generate_series(0, 12) AS n"
    )


def downgrade() -> None:
    op.drop_table("audit_log")
    op.execute("DROP FUNCTION refuse_change()")
    op.execute("DROP FUNCTION make_monthly_partition(text, date)")
