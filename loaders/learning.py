"""Batched reads of learning. What a viewer may not see is not there: the reads take the actor."""

from loaders.batching import DomainLoaders


class LearningLoaders(DomainLoaders):
    pass
