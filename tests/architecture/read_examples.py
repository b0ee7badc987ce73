"""An example call for every public read: what test_query_plans.py explains. A read without one fails there.

`allow` excuses one kind of fault, named by words of its sentence, with the reason; an excuse that nothing needs fails.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from typing import Any
from uuid import UUID

from app.catalog import reads as catalog
from app.catalog.reads import CourseFilter, CourseOrder
from app.identity import reads as identity
from app.identity.actor import ANONYMOUS, Actor
from app.identity.models import Role
from app.identity.reads import AuditFilter
from app.learning import reads as learning
from app.learning.models import EnrollmentState
from app.notifications import reads as notifications
from app.operations import reads as operations
from tests.architecture.plan_sample import (
    BUSY_COHORT,
    BUSY_INSTRUCTOR,
    LONG_COURSE,
    RARE_CATEGORY,
    TOLD_OFTEN,
)


def uuid_of(moment: datetime) -> UUID:
    """The smallest UUIDv7 of an instant."""
    return UUID(int=int(moment.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62)


@dataclass(frozen=True, slots=True)
class Example:
    read: Callable[..., Any]
    values: dict[str, Any]
    allow: Mapping[str, str] = field(default_factory=dict)


ACTORS = (ANONYMOUS, Actor(BUSY_INSTRUCTOR, Role.INSTRUCTOR), Actor(20_000, Role.ADMIN))
KEYS = [*range(1, 100), LONG_COURSE]
MODULE_KEYS = [*range(1, 100), 100_001]

_COUNTS = "counts what the filter selects; the schema asks for it only where totalCount is selected"
_COUNTING = {"reads": _COUNTS, "scans all of": _COUNTS, "removes": _COUNTS}
_NO_INDEX_FOR_ALL = """no set of indexes serves every set of filters in every order: the planner walks one index and
throws away what the others refuse, at most once through the published courses; searching them is the search's work"""
_WALKING = {"removes": _NO_INDEX_FOR_ALL, "reads": _NO_INDEX_FOR_ALL}

AFTER = {
    CourseOrder.NEWEST: (datetime(2022, 1, 1, tzinfo=UTC), 10_000),
    CourseOrder.BEST_RATED: (2.0, 15_000),
    CourseOrder.MOST_ENROLLED: (2500, 15_000),
    CourseOrder.TITLE: ("7", 15_000),
}
_FILTERS: dict[str, Any] = {
    "category": "category 3",
    "level": "beginner",
    "language": "en",
    "instructor": BUSY_INSTRUCTOR,
    "minimum_rating": 2.0,
}
_RARE: dict[str, Any] = {
    "category": RARE_CATEGORY,
    "language": "pt-br",
    "instructor": 77,
    "minimum_rating": 4.09,
}


def _pages() -> Iterator[Example]:
    """Every set of filters in every order, at the start and behind a cursor; then each filter that finds few."""
    names = chain.from_iterable(combinations(_FILTERS, size) for size in range(len(_FILTERS) + 1))
    filters = [
        (CourseFilter(**{name: _FILTERS[name] for name in chosen}), len(chosen) > 1) for chosen in names
    ]
    filters += [(CourseFilter(**{name: value}), True) for name, value in _RARE.items()]
    for narrowed, walking in filters:
        allow = _WALKING if walking else {}
        for order in CourseOrder:
            for after in (None, AFTER[order]):
                values = {"narrowed": narrowed, "order": order, "first": 51, "after": after}
                yield Example(catalog.courses_page, values, allow)
        yield Example(catalog.count_courses, {"narrowed": narrowed}, _COUNTING)


_NARROW: dict[str, Any] = {"actor_id": 77, "subject": "Course:77", "action": "login", "failed": True}
_SPAN: dict[str, Any] = {
    "since": datetime.now(UTC) - timedelta(days=31),
    "until": datetime.now(UTC) + timedelta(seconds=1),
}
_MID_SPAN = (uuid_of(datetime.now(UTC) - timedelta(days=15)),)


def _audit_pages() -> Iterator[Example]:
    """Every set of filters, at the start and behind a cursor."""
    for size in range(len(_NARROW) + 1):
        for chosen in combinations(_NARROW, size):
            narrowed = AuditFilter(**_SPAN, **{name: _NARROW[name] for name in chosen})
            for after in (None, _MID_SPAN):
                yield Example(
                    identity.audit_entries_page,
                    {"narrowed": narrowed, "first": 51, "after": after},
                )


_IDS = [UUID(int=number) for number in range(100)]


def _notification_pages() -> Iterator[Example]:
    """Of somebody with a few, and of somebody with very many, most of them read."""
    for user_id in (77, TOLD_OFTEN):
        for unread_only in (False, True):
            for after in (None, (150_000,)):
                values = {"user_id": user_id, "first": 51, "after": after, "unread_only": unread_only}
                yield Example(notifications.notifications_page, values)


_PAIRS = [(user, 1 + (user - 1) * 31 % 30_000) for user in range(2, 102)]
_OF_ALL_THEIRS = (
    """those in a state are picked out of all that one person ever enrolled in, some hundred at most"""
)


_STANDING = [(1 + i * 199 % 20_000, 1 + i * 2999 % 300_000) for i in range(99)]
_IN_LONG_COURSE = [(user, LONG_COURSE) for user in range(1, 100)]


def _reviews() -> Iterator[Example]:
    pairs = [*((course, 3 + course * 17 % 19_000) for course in range(1, 99)), (LONG_COURSE, 77)]
    for actor in ACTORS:
        yield Example(learning.reviews_by_pair, {"keys": pairs, "actor": actor})
        yield Example(learning.reviews_of_viewer, {"keys": KEYS, "actor": ACTORS[1]})
        for after in (None, (datetime(2025, 6, 1, tzinfo=UTC), 77)):
            values = {"keys": KEYS, "actor": actor, "first": 11, "after": after}
            yield Example(learning.reviews_of_courses, values)
    yield Example(learning.rating_histograms, {"keys": KEYS})


def _lesson_progress() -> Iterator[Example]:
    for actor in ACTORS[1:]:
        yield Example(learning.lesson_standings, {"keys": _STANDING, "actor": actor})
        yield Example(
            learning.standings_of_viewer, {"keys": [lesson for _, lesson in _STANDING], "actor": actor}
        )
    yield Example(learning.next_lessons, {"keys": _PAIRS})
    yield Example(learning.next_lessons, {"keys": _IN_LONG_COURSE})
    for user in (77, TOLD_OFTEN):
        yield Example(learning.enrollments_to_continue, {"user_id": user, "first": 10})


def _enrollments() -> Iterator[Example]:
    """Of many courses, of the one in which everybody is, of a person who is in very many; at each end of their lists."""
    for actor in (Actor(77, Role.STUDENT), *ACTORS[1:]):
        yield Example(learning.enrollments_by_pair, {"keys": _PAIRS, "actor": actor})
        yield Example(learning.enrollments_of_viewer, {"keys": KEYS, "actor": actor})
    for actor in (Actor(77, Role.STUDENT), *ACTORS):
        yield Example(learning.lesson_content, {"keys": KEYS, "actor": actor})
        yield Example(learning.prerequisites_of_courses, {"keys": KEYS, "actor": actor})
        yield Example(learning.missing_prerequisites, {"keys": KEYS, "actor": actor})
        yield Example(learning.enrollment_terms, {"course_id": 4, "actor": actor})
    for state in (None, *EnrollmentState):
        for user_id in (77, TOLD_OFTEN):
            for after in (None, (datetime(2025, 1, 10, tzinfo=UTC), 10_000)):
                values = {"user_id": user_id, "first": 51, "after": after, "state": state}
                rare = user_id == TOLD_OFTEN and state in {
                    EnrollmentState.COMPLETED,
                    EnrollmentState.WITHDRAWN,
                }
                yield Example(
                    learning.enrollments_of_user, values, {"removes": _OF_ALL_THEIRS} if rare else {}
                )
        for actor in ACTORS[1:]:
            for after in (None, (datetime(2025, 1, 10, tzinfo=UTC), 10_000)):
                for keys in (KEYS, [LONG_COURSE]):
                    page = learning.LearnersPage(51, after, state)
                    values = {"keys": keys, "actor": actor, "page": page}
                    yield Example(learning.enrollments_of_courses, values)
    page = learning.LearnersPage(51, None, None, BUSY_COHORT)
    values = {"keys": [1 + BUSY_COHORT], "actor": ACTORS[2], "page": page}
    yield Example(learning.enrollments_of_courses, values)
    yield Example(learning.enrollment_policies, {"keys": KEYS})
    yield Example(
        learning.waitlist_places, {"keys": [(LONG_COURSE, number) for number in range(19_900, 20_000)]}
    )
    yield Example(learning.waitlists_to_tend, {})


def _cohorts_and_invitations() -> Iterator[Example]:
    """Of many courses and of the one that has very many."""
    for actor in ACTORS[1:]:
        yield Example(learning.managed_courses, {"keys": KEYS, "actor": actor})
        yield Example(learning.cohorts_by_id, {"keys": KEYS, "actor": actor})
        yield Example(learning.invitations_by_id, {"keys": _IDS, "actor": actor})
    yield Example(learning.cohorts_of_courses, {"keys": KEYS})
    yield Example(learning.enrollment_summaries, {"keys": KEYS})
    yield Example(learning.member_counts_of_cohorts, {"keys": KEYS})
    for user_after, letter_after in ((None, None), ((10_000,), _MID_SPAN)):
        yield Example(learning.members_of_cohorts, {"keys": KEYS, "first": 51, "after": user_after})
        yield Example(learning.invitations_of_courses, {"keys": KEYS, "first": 51, "after": letter_after})
    yield Example(learning.invitations_of_users, {"keys": KEYS})
    yield Example(learning.invitation_for_mail, {"course_id": 77, "email_key": "user77@example.org"})


_WATCHED = [(1 + i, 1 + i) for i in range(100)]


def _progress() -> Iterator[Example]:
    """What is read of videos and those who watch them; of one person too, whose course is long."""
    mine = [(77, 1 + (76 + 20_000 * n + n * 7919) % 100_000) for n in range(100)]
    for actor in ACTORS:
        for keys in (_WATCHED, mine):
            yield Example(learning.video_progress_of, {"keys": keys, "actor": actor})
    yield Example(learning.videos_to_record, {"keys": KEYS})
    yield Example(learning.recorded_learners, {"keys": [(user, 1 + user % 30_000) for user, _ in _WATCHED]})


EXAMPLES = (
    *_enrollments(),
    *_lesson_progress(),
    *_reviews(),
    *(Example(learning.playable_videos, {"keys": KEYS, "actor": actor}) for actor in ACTORS),
    *_progress(),
    *_cohorts_and_invitations(),
    Example(identity.owners_of_addresses, {"keys": [f"user{n}@example.org" for n in KEYS]}),
    Example(catalog.courses_of_slugs, {"slugs": [f"course-{n}" for n in KEYS]}),
    *_notification_pages(),
    *(Example(notifications.notifications_by_id, {"ids": _IDS, "actor": actor}) for actor in ACTORS),
    Example(notifications.counters_of_users, {"user_ids": KEYS}),
    Example(notifications.preferences_of_users, {"user_ids": KEYS}),
    Example(notifications.notifications_for_mails, {"ids": _IDS}),
    Example(notifications.mails_waiting, {}),
    *_audit_pages(),
    Example(identity.users_by_id, {"ids": KEYS}),
    Example(identity.public_users_by_id, {"ids": KEYS}),
    *(Example(identity.visible_users_by_id, {"ids": KEYS, "actor": actor}) for actor in ACTORS),
    *(Example(identity.sessions_of_users, {"user_ids": [77], "actor": actor}) for actor in ACTORS),
    Example(identity.sessions_revoked_within, {"seconds": 60.0}),
    Example(identity.accounts_of_address, {"email_key": "user77@example.org"}),
    Example(identity.user_by_email_key, {"email_key": "user77@example.org"}),
    Example(identity.verified_user_by_email_key, {"email_key": "user77@example.org"}),
    Example(identity.credentials, {"user_id": 77}),
    *(Example(catalog.courses_by_id, {"keys": KEYS, "actor": actor}) for actor in ACTORS),
    *(Example(catalog.course_id_of_slug, {"slug": "course-77", "actor": actor}) for actor in ACTORS),
    Example(catalog.published_courses_by_id, {"keys": KEYS}),
    Example(catalog.enrollment_counts, {"keys": KEYS}),
    Example(catalog.featured_course_ids, {"first": 100}),
    Example(catalog.video_files, {"keys": KEYS}),
    Example(catalog.unnamed_uploads, {}, {"reads": "counts up to 10,000, once a minute in each worker"}),
    *(
        Example(catalog.uploads_to_remove, {"age": timedelta(days=30), "after": after, "first": 20})
        for after in (None, (datetime.now(UTC) - timedelta(days=32), 1, UUID(int=0)))
    ),
    Example(catalog.instructors_of_courses, {"keys": KEYS}),
    *(Example(catalog.modules_by_id, {"keys": KEYS, "actor": actor}) for actor in ACTORS),
    Example(catalog.modules_of_courses, {"keys": KEYS}),
    *(Example(catalog.lessons_by_id, {"keys": KEYS, "actor": actor}) for actor in ACTORS),
    Example(catalog.lessons_of_courses, {"keys": KEYS, "first": 13, "after": None}),
    Example(catalog.lessons_of_courses, {"keys": KEYS, "first": 13, "after": (30_000, 2, 0, 230_000)}),
    Example(
        catalog.lessons_of_courses, {"keys": [LONG_COURSE], "first": 101, "after": (100_051, 50, 5, 300_505)}
    ),
    Example(catalog.lessons_of_modules, {"keys": MODULE_KEYS, "first": 13, "after": None}),
    Example(catalog.lessons_of_modules, {"keys": MODULE_KEYS, "first": 13, "after": (1, 0, 1, 100_001)}),
    *(
        Example(
            operations.visible_operations,
            {"ids": [uuid_of(datetime.now(UTC) - timedelta(minutes=n)) for n in range(100)], "actor": actor},
        )
        for actor in ACTORS
    ),
    *(
        Example(operations.operations_of_owner, {"owner_id": owner, "first": 51, "after": after})
        for owner in (BUSY_INSTRUCTOR, 77)
        for after in (None, _MID_SPAN)
    ),
    *(Example(operations.latest_operations, {"first": 100, "only_open": only}) for only in (False, True)),
    Example(operations.open_sums, {}),
    *_pages(),
    Example(catalog.courses_taught_by, {"user_id": BUSY_INSTRUCTOR, "first": 51, "after": None}),
    Example(
        catalog.courses_taught_by,
        {"user_id": BUSY_INSTRUCTOR, "first": 51, "after": (15_000,)},
    ),
)
