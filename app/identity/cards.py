"""What everybody may know of somebody who teaches, as caches hold it, and how it is forgotten."""

from typing_extensions import TypedDict

from app.cache import PUBLIC, CacheSpec, Public
from app.database import Transaction
from app.outbox import forget


class InstructorCard(TypedDict):
    """A row of `reads.public_users_by_id`. No address, no language: those are for their owner."""

    id: int
    name: str
    role: str


INSTRUCTOR_CARDS = CacheSpec("instructor_card", version=1, scope=Public, kind=InstructorCard, ttl=86_400)


async def user_changed(tx: Transaction, user_id: int) -> None:
    """To be said when a name or a role changes."""
    await forget(tx, INSTRUCTOR_CARDS.entry(PUBLIC, user_id))
