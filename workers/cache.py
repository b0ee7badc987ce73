"""Jobs of the cache."""

import asyncio

from app.outbox import Claim
from app.resources import Resources

SETTLING = 2.0
"""Seconds after which Redis is told again: a Valkey that writes its file each second, and dies, may come back without

having heard it the first time. Until the job ends no process believes Redis about these entries.
"""


async def forget_cached(resources: Resources, claim: Claim) -> None:
    """Tells Redis what has changed; raises Unavailable, and so is repeated, until it has heard."""
    entries = claim.payload["entries"]
    await resources.cache.settle(entries)
    await asyncio.sleep(SETTLING)
    await resources.cache.settle(entries)
