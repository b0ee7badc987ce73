"""Batched reads of operations. What a viewer may not see is not there: the reads take the actor."""

from app.operations import reads
from loaders.batching import DomainLoaders, one_per_key


class OperationLoaders(DomainLoaders):
    operation = one_per_key(reads.visible_operations, key="id", for_actor=True)
