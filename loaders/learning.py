"""Batched reads of learning. What a viewer may not see is not there: the reads take the actor."""

from app.learning import reads
from app.learning.video_progress import current_progress, progress_of_viewer
from loaders.batching import DomainLoaders, many_per_key, one_per_key, pages_per_key, progress_per_key
from loaders.playback import PlayableVideo


class LearningLoaders(DomainLoaders):
    enrollment = one_per_key(reads.enrollments_by_pair, key="pair", for_actor=True)
    viewer_enrollment = one_per_key(reads.enrollments_of_viewer, key="course_id", for_actor=True)
    course_enrollments = pages_per_key(reads.enrollments_of_courses, key="course_id", for_actor=True)
    enrollment_policy = one_per_key(reads.enrollment_policies, key="course_id")
    prerequisites = many_per_key(reads.prerequisites_of_courses, key="for_course_id", for_actor=True)
    missing_prerequisites = many_per_key(reads.missing_prerequisites, key="for_course_id", for_actor=True)
    waitlist_place = one_per_key(reads.waitlist_places, key="place")
    lesson_standing = one_per_key(reads.lesson_standings, key="pair", for_actor=True)
    viewer_standing = one_per_key(reads.standings_of_viewer, key="lesson_id", for_actor=True)
    next_lesson = one_per_key(reads.next_lessons, key="pair")
    review = one_per_key(reads.reviews_by_pair, key="pair", for_actor=True)
    viewer_review = one_per_key(reads.reviews_of_viewer, key="course_id", for_actor=True)
    course_reviews = pages_per_key(reads.reviews_of_courses, key="course_id", for_actor=True)
    rating_histogram = one_per_key(reads.rating_histograms, key="course_id")
    playable_video = PlayableVideo()
    lesson_content = one_per_key(reads.lesson_content, key="id", for_actor=True)
    managed_course = one_per_key(reads.managed_courses, key="course_id", for_actor=True)
    cohort = one_per_key(reads.cohorts_by_id, key="id", for_actor=True)
    # Of courses and cohorts that the actor manages: edges ask for those first.
    course_cohorts = many_per_key(reads.cohorts_of_courses, key="course_id")
    cohort_member_count = one_per_key(reads.member_counts_of_cohorts, key="cohort_id")
    cohort_members = pages_per_key(reads.members_of_cohorts, key="cohort_id")
    enrollment_summary = one_per_key(reads.enrollment_summaries, key="course_id")
    invitation = one_per_key(reads.invitations_by_id, key="id", for_actor=True)
    course_invitations = pages_per_key(reads.invitations_of_courses, key="course_id")
    invitations_of_user = many_per_key(reads.invitations_of_users, key="user_id")
    # By pairs of a user and a video, and by videos for the viewer.
    video_progress = progress_per_key(current_progress, key="pair")
    viewer_progress = progress_per_key(progress_of_viewer, key="video_id")
