"""Every rule and write of the catalogue, one function a verb. The caller's transaction is the unit of work."""

from app.catalog.service.courses import (
    add_course_instructor,
    archive_course,
    create_course,
    publish_course,
    remove_course_instructor,
    set_course_featured,
    unpublish_course,
    update_course,
)
from app.catalog.service.lessons import (
    LessonContent,
    add_lesson,
    move_lesson,
    remove_lesson,
    reorder_lessons,
    update_lesson,
)
from app.catalog.service.modules import add_module, remove_module, reorder_modules, update_module
from app.catalog.service.videos import Caption, UploadFile, VideoContent, keys_to_upload

__all__ = [
    "Caption",
    "LessonContent",
    "UploadFile",
    "VideoContent",
    "add_course_instructor",
    "add_lesson",
    "add_module",
    "archive_course",
    "create_course",
    "keys_to_upload",
    "move_lesson",
    "publish_course",
    "remove_course_instructor",
    "remove_lesson",
    "remove_module",
    "reorder_lessons",
    "reorder_modules",
    "set_course_featured",
    "unpublish_course",
    "update_course",
    "update_lesson",
    "update_module",
]
