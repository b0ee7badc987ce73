"""Expected failures of learning."""

from collections.abc import Sequence
from datetime import datetime

from app.errors import DomainError, ErrorCode


class NotFound(DomainError):
    """Also for what the actor may not see."""

    code = ErrorCode.NOT_FOUND

    def __init__(self, what: str, *path: str) -> None:
        super().__init__(f"There is no such {what}.", path=("input", *path))


class NotEnrolled(DomainError):
    """It is for those who are enrolled, and the actor is not."""

    code = ErrorCode.INVALID_STATE

    def __init__(self, *path: str) -> None:
        super().__init__("Enrol in the course first.", path=("input", *path))


class NameTaken(DomainError):
    """The course has a cohort of that name."""

    code = ErrorCode.CONFLICT

    def __init__(self) -> None:
        super().__init__("The course has a cohort of this name already.", path=("input", "name"))


class LimitReached(DomainError):
    code = ErrorCode.LIMIT_REACHED

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message, path=("input", *path))


class InvalidState(DomainError):
    code = ErrorCode.INVALID_STATE

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message, path=("input", *path))


_COURSE = ("input", "courseId")


class EnrollmentNotOpen(DomainError):
    code = ErrorCode.ENROLLMENT_NOT_OPEN

    def __init__(self, opens_at: datetime) -> None:
        super().__init__(f"Enrolment opens at {opens_at.isoformat()}.", path=_COURSE)


class EnrollmentClosed(DomainError):
    code = ErrorCode.ENROLLMENT_CLOSED

    def __init__(self) -> None:
        super().__init__("Enrolment in this course is closed.", path=_COURSE)


class InvitationRequired(DomainError):
    """The course takes only whom its instructors invite, by an address that the account has proved."""

    code = ErrorCode.INVITATION_REQUIRED

    def __init__(self) -> None:
        super().__init__("This course is for those who were invited.", path=_COURSE)


class PrerequisitesMissing(DomainError):
    """Other courses come first. The payload lists them."""

    code = ErrorCode.PREREQUISITES_MISSING

    def __init__(self, course_id: int, titles: Sequence[str]) -> None:
        super().__init__(f"Complete these courses first: {', '.join(titles)}.", path=_COURSE)
        self.payload = {"missing_for": course_id}
