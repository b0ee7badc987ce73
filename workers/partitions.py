"""Jobs of the partitioned tables."""

from app import partitions
from app.resources import Resources


async def make_partitions(resources: Resources) -> int:
    """Makes the months that are missing of the year ahead. Returns how many."""
    return await partitions.make_partitions(resources.database)
