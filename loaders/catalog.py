"""Batched reads of the catalogue. What a viewer may not see is not there: the reads take the actor."""

from app.catalog import reads
from loaders.batching import DomainLoaders, many_per_key, one_per_key, pages_per_key


class CatalogLoaders(DomainLoaders):
    course = one_per_key(reads.courses_by_id, key="id", for_actor=True)
    course_instructors = many_per_key(reads.instructors_of_courses, key="course_id")
    module = one_per_key(reads.modules_by_id, key="id", for_actor=True)
    modules = many_per_key(reads.modules_of_courses, key="course_id")
    lesson = one_per_key(reads.lessons_by_id, key="id", for_actor=True)
    lesson_body = one_per_key(reads.lesson_bodies, key="id")
    course_lessons = pages_per_key(reads.lessons_of_courses, key="course_id")
    module_lessons = pages_per_key(reads.lessons_of_modules, key="module_id")
