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
from app.notifications import reads as notifications
from app.operations import reads as operations
from tests.architecture.plan_sample import BUSY_INSTRUCTOR, LONG_COURSE, RARE_CATEGORY, TOLD_OFTEN


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
                    {"removes": _NO_INDEX_FOR_ALL} if size > 1 else {},
                )


_IDS = [UUID(int=number) for number in range(100)]


def _notification_pages() -> Iterator[Example]:
    """Of somebody with a few, and of somebody with very many, most of them read."""
    for user_id in (77, TOLD_OFTEN):
        for unread_only in (False, True):
            for after in (None, (150_000,)):
                values = {"user_id": user_id, "first": 51, "after": after, "unread_only": unread_only}
                yield Example(notifications.notifications_page, values)


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


EXAMPLES = (
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
    Example(catalog.featured_course_ids, {"first": 100}),
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
