"""Housekeeping of the outbox itself."""

from app.outbox import forget_old_records
from app.resources import Resources


async def forget_job_records(resources: Resources) -> int:
    """Deletes old runs and old notes of events. Returns how many."""
    async with resources.database.transaction() as tx:
        return await forget_old_records(tx)
