"""The cache of a test's resources, put into a known state."""

from app.jobs import Job
from app.resources import Resources


async def settle(resources: Resources) -> None:
    """As if the job that makes Redis forget had run: whatever was changed before may be read from it again."""
    async with resources.database.transaction() as tx:
        rows = await tx.fetch_text(
            "DELETE FROM jobs WHERE name = $1 RETURNING payload -> 'entries' AS entries", Job.FORGET_CACHED
        )
    for row in rows:
        await resources.cache.settle(row["entries"])
    _trust(resources)


def _trust(resources: Resources) -> None:
    unsettled = resources.cache._unsettled
    unsettled._own.clear()
    unsettled._read_at = None


async def empty(resources: Resources) -> None:
    """Nothing is cached; what is not settled stays so."""
    await resources.keyvalue._redis.flushdb()


async def forget_everything(resources: Resources) -> None:
    """For the end of a test, when no job is left that could settle anything."""
    _trust(resources)
    await empty(resources)


async def renew(resources: Resources) -> None:
    """Nothing is cached and nothing distrusted."""
    await settle(resources)
    await empty(resources)
