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
from app.learning.service.lesson_progress import complete_lesson, open_lesson, standing_of
from app.learning.service.policies import update_enrollment_policy
from app.learning.service.prerequisites import set_course_prerequisites
from app.learning.service.reviews import remove_review, restore_review, review_course

__all__ = [
    "add_cohort_members",
    "complete_lesson",
    "create_cohort",
    "decline_invitation",
    "enroll",
    "invite_learners",
    "open_lesson",
    "remove_cohort",
    "remove_cohort_members",
    "remove_review",
    "rename_cohort",
    "restore_review",
    "review_course",
    "set_course_prerequisites",
    "standing_of",
    "take_invitation",
    "update_enrollment_policy",
    "withdraw",
    "withdraw_invitation",
]
