"""Learning's mutations, a file for each noun."""

import strawberry


@strawberry.type
class LearningMutations:
    """Put together from the files beside this one."""
