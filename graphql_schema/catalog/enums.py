"""The catalogue's enums."""

from app.catalog.models import BodyFormat, CourseLevel, CourseStatus, LessonKind
from app.catalog.reads import CourseOrder
from graphql_schema.enums import described

described(
    CourseStatus,
    "Where a course is in its life.",
    {
        CourseStatus.DRAFT: "Being made: its instructors and administrators see it, nobody else.",
        CourseStatus.PUBLISHED: "In the catalogue.",
        CourseStatus.ARCHIVED: "Out of every list, still readable by its link; it does not change any more.",
    },
)
described(
    CourseLevel,
    "What a course expects of its learners.",
    {
        CourseLevel.BEGINNER: "Nothing.",
        CourseLevel.INTERMEDIATE: "The basics of the subject.",
        CourseLevel.ADVANCED: "Practice in the subject.",
    },
)
described(
    LessonKind,
    "What a lesson is.",
    {
        LessonKind.VIDEO: "A video to watch.",
        LessonKind.PAGE: "A text to read.",
        LessonKind.QUIZ: "Questions to answer.",
        LessonKind.LINK: "Something elsewhere on the web.",
    },
)
described(
    BodyFormat,
    "How a lesson's text is written.",
    {
        BodyFormat.MARKDOWN: "CommonMark with tables and strikethrough.",
        BodyFormat.HTML: "HTML; unsafe parts are removed.",
    },
)
described(
    CourseOrder,
    "How `courses` is sorted.",
    {
        CourseOrder.NEWEST: "Latest publication first.",
        CourseOrder.BEST_RATED: "Highest average rating first; courses without a rating last.",
        CourseOrder.MOST_ENROLLED: "Most learners first.",
        CourseOrder.TITLE: "By title, A first, case ignored.",
    },
)
