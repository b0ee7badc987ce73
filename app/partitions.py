"""Tables in monthly partitions: their next months are made long before they begin. There is no default partition, so
that a month can be detached: without one that fits, a row cannot be written.
"""

from collections.abc import Sequence
from datetime import date

from app.database import Database

MONTHS_AHEAD = 12
"""A year, made anew at each start and each day: an installation may stand still for long and still write."""

_MAKE = """
SELECT count(*) FILTER (WHERE make_monthly_partition(parent, (now() + n * interval '1 month')::date)) AS made
FROM unnest($1::text[]) AS parent, generate_series(0, $2::int) AS n
"""
_MAKE_THOSE = """
SELECT count(*) FILTER (WHERE make_monthly_partition($1, month)) AS made FROM unnest($2::date[]) AS month
"""
# Made by whichever migration makes the table; this list is what keeps them going.
MONTHLY_TABLES = ("audit_log", "enrollment_events", "watch_sessions")


async def make_partitions(database: Database, *, months: int = MONTHS_AHEAD) -> int:
    """Makes what is missing of this month's and the next `months` partitions. Returns how many it made."""
    async with database.transaction() as tx:
        rows = await tx.fetch_text(_MAKE, list(MONTHLY_TABLES), months)
        return int(rows[0]["made"])


async def make_partitions_of(database: Database, table: str, months: Sequence[date]) -> int:
    """Makes what is missing of these months' partitions, each named by any of its days: for what happened long ago."""
    async with database.transaction() as tx:
        rows = await tx.fetch_text(_MAKE_THOSE, table, list(months))
        return int(rows[0]["made"])
