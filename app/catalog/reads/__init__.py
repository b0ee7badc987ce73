"""Every SELECT of the catalogue, in batches: (connection, keys) -> rows."""

from app.catalog.reads.content import (
    lesson_rows,
    lessons_by_id,
    lessons_of_courses,
    lessons_of_modules,
    modules_by_id,
    modules_of_courses,
    video_files,
)
from app.catalog.reads.courses import (
    course_id_of_slug,
    courses_by_id,
    courses_of_slugs,
    enrollment_counts,
    featured_course_ids,
    instructors_of_courses,
    published_courses_by_id,
)
from app.catalog.reads.listing import (
    CourseFilter,
    CourseOrder,
    count_courses,
    courses_page,
    courses_taught_by,
)
from app.catalog.reads.uploads import unnamed_uploads, uploads_to_remove

__all__ = [
    "CourseFilter",
    "CourseOrder",
    "count_courses",
    "course_id_of_slug",
    "courses_by_id",
    "courses_of_slugs",
    "courses_page",
    "courses_taught_by",
    "enrollment_counts",
    "featured_course_ids",
    "instructors_of_courses",
    "lesson_rows",
    "lessons_by_id",
    "lessons_of_courses",
    "lessons_of_modules",
    "modules_by_id",
    "modules_of_courses",
    "published_courses_by_id",
    "unnamed_uploads",
    "uploads_to_remove",
    "video_files",
]
