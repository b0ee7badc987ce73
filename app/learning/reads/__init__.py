"""Every SELECT of learning, in batches: (connection, keys) -> rows."""

from app.learning.reads.access import lesson_content
from app.learning.reads.cohorts import (
    MEMBER_CURSOR,
    cohorts_by_id,
    cohorts_of_courses,
    member_counts_of_cohorts,
    members_of_cohorts,
)
from app.learning.reads.enrollments import (
    OF_COURSE_CURSOR,
    OF_USER_CURSOR,
    LearnersPage,
    enrollments_by_pair,
    enrollments_of_courses,
    enrollments_of_user,
    enrollments_of_viewer,
)
from app.learning.reads.invitations import (
    INVITATION_COLUMNS,
    INVITATION_CURSOR,
    invitation_for_mail,
    invitations_by_id,
    invitations_of_courses,
    invitations_of_users,
)
from app.learning.reads.lesson_progress import (
    enrollments_to_continue,
    lesson_standings,
    next_lessons,
    standings_of_viewer,
)
from app.learning.reads.managing import managed_courses
from app.learning.reads.playback import playable_videos
from app.learning.reads.policies import (
    enrollment_policies,
    enrollment_terms,
    missing_prerequisites,
    prerequisites_of_courses,
)
from app.learning.reads.recording import recorded_learners, videos_to_record
from app.learning.reads.reviews import (
    REVIEW_CURSOR,
    rating_histograms,
    reviews_by_pair,
    reviews_of_courses,
    reviews_of_viewer,
)
from app.learning.reads.summaries import enrollment_summaries
from app.learning.reads.video_progress import video_progress_of
from app.learning.reads.waitlist import waitlist_places, waitlists_to_tend

__all__ = [
    "INVITATION_COLUMNS",
    "INVITATION_CURSOR",
    "MEMBER_CURSOR",
    "OF_COURSE_CURSOR",
    "OF_USER_CURSOR",
    "REVIEW_CURSOR",
    "LearnersPage",
    "cohorts_by_id",
    "cohorts_of_courses",
    "enrollment_policies",
    "enrollment_summaries",
    "enrollment_terms",
    "enrollments_by_pair",
    "enrollments_of_courses",
    "enrollments_of_user",
    "enrollments_of_viewer",
    "enrollments_to_continue",
    "invitation_for_mail",
    "invitations_by_id",
    "invitations_of_courses",
    "invitations_of_users",
    "lesson_content",
    "lesson_standings",
    "managed_courses",
    "member_counts_of_cohorts",
    "members_of_cohorts",
    "missing_prerequisites",
    "next_lessons",
    "playable_videos",
    "prerequisites_of_courses",
    "rating_histograms",
    "recorded_learners",
    "reviews_by_pair",
    "reviews_of_courses",
    "reviews_of_viewer",
    "standings_of_viewer",
    "video_progress_of",
    "videos_to_record",
    "waitlist_places",
    "waitlists_to_tend",
]
