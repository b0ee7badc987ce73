"""The audit log refuses TRUNCATE as it refuses UPDATE and DELETE: itself, and each of its months."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TRIGGER = "not_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"

# PostgreSQL gives a new partition its parent's triggers for rows; this one, for a statement, it does not.
MAKE_MONTHLY_PARTITION = """
CREATE OR REPLACE FUNCTION make_monthly_partition(parent text, month date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    begins date := date_trunc('month', month::timestamp)::date;
    partition text := parent || '_' || to_char(begins, 'YYYY_MM');
BEGIN
    IF to_regclass(quote_ident(partition)) IS NOT NULL THEN RETURN false; END IF;
    EXECUTE format('LOCK TABLE %I IN SHARE UPDATE EXCLUSIVE MODE', parent);
    IF to_regclass(quote_ident(partition)) IS NOT NULL THEN RETURN false; END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
<guard>    EXECUTE format(
        'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition,
        uuid_floor(begins::timestamp AT TIME ZONE 'UTC'),
        uuid_floor((begins + interval '1 month') AT TIME ZONE 'UTC'));
    RETURN true;
END
$$
"""

GUARD = f"""
    IF EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = quote_ident(parent)::regclass AND tgname = 'not_emptied'
    ) THEN
        EXECUTE format('CREATE TRIGGER {_TRIGGER.format(table="%I")}', partition);
    END IF;
""".lstrip("\n")

EACH_TABLE = """
DO $$
DECLARE member regclass;
BEGIN
    FOR member IN SELECT relid FROM pg_partition_tree('audit_log') LOOP
        EXECUTE format('<statement>', member);
    END LOOP;
END
$$
"""


def upgrade() -> None:
    op.execute(MAKE_MONTHLY_PARTITION.replace("<guard>", GUARD))
    op.execute(EACH_TABLE.replace("<statement>", f"CREATE TRIGGER {_TRIGGER.format(table='%s')}"))


def downgrade() -> None:
    op.execute(EACH_TABLE.replace("<statement>", "DROP TRIGGER not_emptied ON %s"))
    op.execute(MAKE_MONTHLY_PARTITION.replace("<guard>", ""))
