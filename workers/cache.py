"""Jobs of the cache."""

from app.outbox import Claim
from app.resources import Resources


async def forget_cached(resources: Resources, claim: Claim) -> None:
    """Tells Redis again what has changed; raises Unavailable, and so is repeated, until it has heard."""
    await resources.cache.settle(claim.payload["entries"])
