"""Jobs of identity."""

from uuid import UUID

from app.identity import housekeeping
from app.resources import Resources


async def forget_expired_sessions(resources: Resources) -> int:
    """Deletes sessions that ended long ago, each step a transaction of its own. Returns how many."""
    forgotten = 0
    after: UUID | None = housekeeping.BEGINNING
    while after is not None:
        async with resources.database.transaction() as tx:
            gone, after = await housekeeping.forget_sessions(tx, after=after)
        forgotten += gone
    return forgotten
