"""What the catalogue knows of published courses and of videos' files, as caches hold it, and how it is forgotten."""

from datetime import datetime

from typing_extensions import TypedDict

from app.cache import PUBLIC, CacheSpec, Public
from app.database import Transaction
from app.outbox import forget


class CourseCard(TypedDict):
    """A row of `reads.published_courses_by_id`: as `reads.courses_by_id`, and nothing that only some may see.

    Not how many are enrolled: with hundreds of them a minute the card would be forgotten all the time, or be wrong. That
    number has a read of its own, which only those pay for who show it.
    """

    id: int
    slug: str
    title: str
    description: str
    category: str | None
    level: str | None
    language: str | None
    skills: list[str]
    status: str
    instructor_id: int
    version: int
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None
    featured_at: datetime | None
    lesson_count: int
    rating: float
    rating_count: int


class VideoFiles(TypedDict):
    """A row of `reads.video_files`. It says nothing of who may watch: that is asked each time, and never cached."""

    id: int
    manifest_key: str | None
    captions: list[dict[str, str]] | None


# For so long the sums of `course_stats` may be old, where who keeps them does not say `courses_changed`.
COURSE_CARDS = CacheSpec("course_card", version=2, scope=Public, kind=CourseCard, ttl=300)
FEATURED = CacheSpec("featured_courses", version=1, scope=Public, kind=list[int], ttl=3600)
"""One entry: the ids of all that are featured, up to a page, the latest first."""
FEATURED_ENTRY = "all"
VIDEO_FILES = CacheSpec("video_files", version=1, scope=Public, kind=VideoFiles, ttl=3600)
"""By the video. A lesson that goes, moves, or opens changes nothing in it; without its lesson nothing leads to a video."""


async def courses_changed(tx: Transaction, *course_ids: int) -> None:
    """To be said of published courses whose card changes, or that are published no longer."""
    await forget(tx, *(COURSE_CARDS.entry(PUBLIC, course_id) for course_id in course_ids))


async def featured_changed(tx: Transaction) -> None:
    """To be said when a course joins or leaves those that are featured."""
    await forget(tx, FEATURED.entry(PUBLIC, FEATURED_ENTRY))


async def video_files_changed(tx: Transaction, video_id: int) -> None:
    """To be said when a video gets another stream or other captions."""
    await forget(tx, VIDEO_FILES.entry(PUBLIC, video_id))
