"""Batched reads of learning. What a viewer may not see is not there: the reads take the actor."""

from typing import Any, Final, NamedTuple

from app.cache import PUBLIC, Public
from app.catalog import reads as catalog
from app.catalog.cards import VIDEO_FILES
from app.learning import reads
from app.learning.video_progress import current_progress, progress_of_viewer
from loaders.batching import (
    DomainLoaders,
    Loader,
    Row,
    Source,
    many_per_key,
    one_per_key,
    pages_per_key,
    progress_per_key,
)

_NAME: Final = "playable_video"


class PlaybackKey(NamedTuple):
    """A video, and what its lesson's row has said a moment ago."""

    video_id: int
    is_open: bool
    """Whether anybody may watch it."""


class PlayableVideo:
    """The loader: rows of `reads.playable_videos`, by PlaybackKey; None for what may not be watched, or has no file.

    Preview lessons are everybody's, and administrators see all: there nothing is left to ask, and where the files lie is
    cached. Whether others are enrolled or teach must be asked each time, and the words about the video come with that: a
    cache would add a trip and spare none.
    """

    def __get__(self, domain: DomainLoaders, owner: type[DomainLoaders]) -> Loader[Row | None]:
        loader = domain.__dict__[_NAME] = self._make(domain.source)
        return loader

    def _make(self, source: Source) -> Loader[Row | None]:
        series = source.metrics.loader_batch.labels(_NAME)
        everything = source.actor.is_admin
        audience = "teachers" if everything else "everybody"

        async def compute(_audience: Public, keys: list[int]) -> dict[int, Any]:
            return {row["id"]: dict(row) for row in await catalog.video_files(source.connection, keys)}

        async def read_batch(keys: list[PlaybackKey]) -> list[Row | None]:
            series.observe(len(keys))
            known = [key.video_id for key in keys if everything or key.is_open]
            others = [key.video_id for key in keys if not (everything or key.is_open)]
            found: dict[int, Row] = {}
            if known:
                files = await source.cache.get_many(VIDEO_FILES, PUBLIC, known, compute)
                found = {
                    video: {**row, "audience": audience}
                    for video, row in files.items()
                    if row["manifest_key"]
                }
            if others:
                rows = await reads.playable_videos(source.connection, others, source.actor)
                found |= {row["id"]: row for row in rows}
            return [found.get(key.video_id) for key in keys]

        return Loader(read_batch)


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
