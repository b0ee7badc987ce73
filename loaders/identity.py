"""Batched reads of identity."""

from app.identity import reads
from loaders.batching import DomainLoaders, many_per_key, one_per_key


class IdentityLoaders(DomainLoaders):
    # An edge leads to whom it names; a look-up by id only to whom the actor may see.
    user = one_per_key(reads.users_by_id, key="id")
    visible_user = one_per_key(reads.visible_users_by_id, key="id", for_actor=True)
    sessions = many_per_key(reads.sessions_of_users, key="user_id", for_actor=True)
