"""What people are told of: one entry a kind, and nothing else to write for a new one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class NotificationKind(StrEnum):
    """Names are stored: a kind that is renamed is a new one."""

    INSTRUCTOR_ADDED = "instructor_added"
    INSTRUCTOR_REMOVED = "instructor_removed"
    WAITLIST_PROMOTED = "waitlist_promoted"
    WAITLIST_ENDED = "waitlist_ended"
    COURSE_COMPLETED = "course_completed"


@dataclass(frozen=True, slots=True)
class Definition:
    """Texts are plain, in English, filled with the facts of the payload; a fact's braces stay as they are."""

    title: str
    """One line: in the list, and the subject of the mail."""
    body: str
    in_app: bool = True
    """Defaults, for whoever has chosen nothing."""
    mail: bool = True
    digest: bool = False
    template: str = "notification"
    """Of the mail, in `mails/`: NAME.txt and NAME.html."""


KINDS: Mapping[NotificationKind, Definition] = MappingProxyType(
    {
        NotificationKind.INSTRUCTOR_ADDED: Definition(
            title="You now teach {course_title}",
            body="You were added to the instructors of the course {course_title}.",
        ),
        NotificationKind.INSTRUCTOR_REMOVED: Definition(
            title="You no longer teach {course_title}",
            body="You were taken off the instructors of the course {course_title}.",
        ),
        NotificationKind.WAITLIST_PROMOTED: Definition(
            title="You have a seat in {course_title}",
            body="A seat in the course {course_title} became free and is yours. You are enrolled.",
        ),
        NotificationKind.WAITLIST_ENDED: Definition(
            title="No seat became free in {course_title}",
            body="You waited for a seat in the course {course_title}. Waiting has ended, and you are not enrolled.",
        ),
        NotificationKind.COURSE_COMPLETED: Definition(
            title="You have completed {course_title}",
            body="All lessons of the course {course_title} are done. Well done!",
        ),
    }
)
NAMES = [kind.value for kind in KINDS]
DEFAULTS: dict[str, Any] = {
    "kinds": NAMES,
    "in_app": [definition.in_app for definition in KINDS.values()],
    "mail": [definition.mail for definition in KINDS.values()],
    "digest": [definition.digest for definition in KINDS.values()],
}
"""The table of defaults as the parameters of a statement: four arrays of one length."""


def text_of(kind: str, payload: Mapping[str, Any]) -> tuple[str, str]:
    """(title, body). Raises KeyError for a fact that the payload lacks, ValueError for a kind of another release."""
    definition = KINDS[NotificationKind(kind)]
    # What people typed may hold line breaks; a title is also a mail's subject.
    title = " ".join(definition.title.format_map(payload).split())
    return title, definition.body.format_map(payload)


def shown_text_of(kind: str, payload: Mapping[str, Any]) -> tuple[str, str]:
    """As `text_of`; of what another release has told, which may know the kind or need other facts, that it is there."""
    try:
        return text_of(kind, payload)
    except (KeyError, ValueError):
        return "Something new", "This cannot be shown here just now. Please look again later."
