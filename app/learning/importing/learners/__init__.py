"""Learners of a university: the files of the Open University Learning Analytics Dataset, or others of their shape.

A presentation becomes a course, an activity a lesson, a registration an enrolment of a pseudonymous account. The files are
read to their end, checked and put aside before anything is written; then each course, and each chunk of its learners, is a
transaction: an import that was stopped goes on where it was. What is odd is kept and counted.
"""

from app.learning.importing.learners.presentations import DEFAULT_STARTS, parse_only, parse_starts
from app.learning.importing.learners.run import LearnersOptions, LearnersResult, import_learners

__all__ = [
    "DEFAULT_STARTS",
    "LearnersOptions",
    "LearnersResult",
    "import_learners",
    "parse_only",
    "parse_starts",
]
