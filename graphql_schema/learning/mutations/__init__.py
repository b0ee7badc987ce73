"""Learning's mutations, a file for each noun."""

import strawberry

from graphql_schema.learning.mutations.cohorts import CohortMutations
from graphql_schema.learning.mutations.enrollments import EnrollmentMutations
from graphql_schema.learning.mutations.invitations import InvitationMutations
from graphql_schema.learning.mutations.lessons import LessonProgressMutations
from graphql_schema.learning.mutations.progress import ProgressMutations
from graphql_schema.learning.mutations.reviews import ReviewMutations


@strawberry.type
class LearningMutations(
    EnrollmentMutations,
    CohortMutations,
    InvitationMutations,
    LessonProgressMutations,
    ProgressMutations,
    ReviewMutations,
):
    """Put together from the files beside this one."""
