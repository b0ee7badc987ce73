"""Tables of learning."""

from app.learning.models.cohorts import Cohort, CohortMember
from app.learning.models.enrollment import (
    CoursePrerequisite,
    Enrollment,
    EnrollmentEvent,
    EnrollmentEventKind,
    EnrollmentPolicy,
    EnrollmentState,
)
from app.learning.models.invitations import Invitation, InvitationAllowance, InvitationMail
from app.learning.models.progress import LessonProgress, VideoProgress, WatchSession
from app.learning.models.reviews import CourseReview

__all__ = [
    "Cohort",
    "CohortMember",
    "CoursePrerequisite",
    "CourseReview",
    "Enrollment",
    "EnrollmentEvent",
    "EnrollmentEventKind",
    "EnrollmentPolicy",
    "EnrollmentState",
    "Invitation",
    "InvitationAllowance",
    "InvitationMail",
    "LessonProgress",
    "VideoProgress",
    "WatchSession",
]
