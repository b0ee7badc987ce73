"""Batched reads of identity."""

from app.identity import reads
from loaders.batching import DomainLoaders, one_per_key


class IdentityLoaders(DomainLoaders):
    user = one_per_key(reads.users_by_id, key="id")
