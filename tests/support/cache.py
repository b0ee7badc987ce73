"""The cache of a test's resources, put into a known state."""

from redis.asyncio import Redis

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
    unsettled = resources.cache._unsettled
    unsettled._own.clear()
    unsettled._read_at = None


async def empty(resources: Resources) -> None:
    """Nothing is cached; what is not settled stays so."""
    async with Redis.from_url(resources.settings.redis.url) as redis:
        await redis.flushdb()


async def renew(resources: Resources) -> None:
    """Nothing is cached and nothing distrusted."""
    await settle(resources)
    await empty(resources)
