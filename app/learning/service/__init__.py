"""Every rule and write of learning, one function a verb. The caller's transaction is the unit of work."""

from app.learning.service.cohorts import (
    add_cohort_members,
    create_cohort,
    remove_cohort,
    remove_cohort_members,
    rename_cohort,
)
from app.learning.service.enrollments import enroll, withdraw
from app.learning.service.invitations import (
    decline_invitation,
    invite_learners,
    take_invitation,
    withdraw_invitation,
)
from app.learning.service.policies import update_enrollment_policy
from app.learning.service.prerequisites import set_course_prerequisites

__all__ = [
    "add_cohort_members",
    "create_cohort",
    "decline_invitation",
    "enroll",
    "invite_learners",
    "remove_cohort",
    "remove_cohort_members",
    "rename_cohort",
    "set_course_prerequisites",
    "take_invitation",
    "update_enrollment_policy",
    "withdraw",
    "withdraw_invitation",
]
