"""Batched reads of identity."""

from app.identity import reads
from app.identity.cards import INSTRUCTOR_CARDS
from loaders.batching import DomainLoaders, card_per_key, many_per_key, one_per_key


class IdentityLoaders(DomainLoaders):
    # An edge leads to whom it names; a look-up by id only to whom the actor may see.
    user = one_per_key(reads.users_by_id, key="id")
    # Who teaches, as everybody sees them: without what is for the owner alone.
    instructor = card_per_key(INSTRUCTOR_CARDS, reads.public_users_by_id, key="id")
    visible_user = one_per_key(reads.visible_users_by_id, key="id", for_actor=True)
    sessions = many_per_key(reads.sessions_of_users, key="user_id", for_actor=True)
