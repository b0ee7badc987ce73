"""Learning's mutations, a file for each noun."""

import strawberry

from graphql_schema.learning.mutations.progress import ProgressMutations


@strawberry.type
class LearningMutations(ProgressMutations):
    """Put together from the files beside this one."""
