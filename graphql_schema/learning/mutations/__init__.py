"""Learning's mutations, a file for each noun."""

import strawberry

from graphql_schema.learning.mutations.cohorts import CohortMutations
from graphql_schema.learning.mutations.enrollments import EnrollmentMutations
from graphql_schema.learning.mutations.invitations import InvitationMutations


@strawberry.type
class LearningMutations(EnrollmentMutations, CohortMutations, InvitationMutations):
    """Put together from the files beside this one."""
