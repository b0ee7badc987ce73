"""Batched reads of the catalogue. What a viewer may not see is not there: the reads take the actor."""

from app.cache import PUBLIC, Public
from app.catalog import reads
from app.catalog.cards import COURSE_CARDS, FEATURED, FEATURED_ENTRY
from app.catalog.models import CourseStatus
from loaders.batching import DomainLoaders, Row, card_per_key, many_per_key, one_per_key, pages_per_key

_PAGE = 100


class CatalogLoaders(DomainLoaders):
    course = card_per_key(
        COURSE_CARDS, reads.published_courses_by_id, key="id", otherwise=reads.courses_by_id
    )
    enrollment_count = one_per_key(reads.enrollment_counts, key="course_id")
    course_instructors = many_per_key(reads.instructors_of_courses, key="course_id")
    module = one_per_key(reads.modules_by_id, key="id", for_actor=True)
    modules = many_per_key(reads.modules_of_courses, key="course_id")
    lesson = one_per_key(reads.lessons_by_id, key="id", for_actor=True)
    course_lessons = pages_per_key(reads.lessons_of_courses, key="course_id")
    module_lessons = pages_per_key(reads.lessons_of_modules, key="module_id")

    async def featured_courses(self, first: int) -> list[Row]:
        """Up to `first` (at most 100) of the courses that are featured, the latest first."""

        async def compute(_audience: Public, entries: list[str]) -> dict[str, list[int]]:
            return dict.fromkeys(entries, await reads.featured_course_ids(self.source.connection, _PAGE))

        found = await self.source.cache.get_many(FEATURED, PUBLIC, [FEATURED_ENTRY], compute)
        rows = await self.course.load_many(found[FEATURED_ENTRY][:first])
        # The list may be older than the cards: what is published no longer is not shown, whoever asks.
        return [row for row in rows if row is not None and row["status"] == CourseStatus.PUBLISHED]
