"""Housekeeping of stored files."""

from datetime import UTC, datetime, timedelta

from app.resources import Resources

UNFINISHED = timedelta(days=2)
"""What was begun so long ago and is not finished has no writer any more: a stream may take hours, not days."""


async def sweep_unfinished_files(resources: Resources) -> int:
    """Removes what writers that died left behind. Returns how many files."""
    return await resources.storage.sweep(datetime.now(UTC) - UNFINISHED)
