"""Courses: made, changed, published, archived, featured, and who teaches them."""

from typing import Any

from asyncpg import ForeignKeyViolationError, Record
from sqlalchemy import BigInteger, bindparam, delete, func, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.catalog.cards import courses_changed, featured_changed
from app.catalog.errors import InvalidState, LimitReached, NotFound
from app.catalog.models import Course, CourseInstructor, CourseLevel, CourseStats, CourseStatus
from app.catalog.service.editing import check_version, course_to_edit
from app.catalog.service.languages import checked_language
from app.catalog.slugs import candidates
from app.database import Query, Transaction, compiled
from app.errors import DomainError, Forbidden
from app.identity import reads as identity
from app.identity.actor import Actor
from app.identity.errors import AccountGone
from app.identity.models import Role
from app.notifications.kinds import NotificationKind
from app.notifications.service import Notifier, notify
from app.validation import checked_text

TITLE_LIMIT = 200
DESCRIPTION_LIMIT = 10_000
CATEGORY_LIMIT = 100
INSTRUCTOR_LIMIT = 100
_ID = bindparam("course_id", type_=BigInteger)
_DETAILS = ("title", "description", "category", "level", "language")

_INSERT = compiled(
    upsert(Course).on_conflict_do_nothing(index_elements=["slug"]).returning(Course.id),
    columns=["slug", "instructor_id", *_DETAILS],
)
_INSERT_STATS = compiled(insert(CourseStats), columns=["course_id"])
_INSERT_INSTRUCTOR = compiled(
    upsert(CourseInstructor).on_conflict_do_nothing().returning(CourseInstructor.created_at),
    columns=["course_id", "user_id"],
)
_DELETE_INSTRUCTOR = compiled(
    delete(CourseInstructor)
    .where(CourseInstructor.course_id == _ID, CourseInstructor.user_id == bindparam("user", type_=BigInteger))
    .returning(CourseInstructor.created_at)
)
_INSTRUCTORS = compiled(select(CourseInstructor.user_id).where(CourseInstructor.course_id == _ID))
_COUNT_LESSONS = compiled(select(CourseStats.lesson_count).where(CourseStats.course_id == _ID))
_UPDATE = compiled(
    update(Course)
    .where(Course.id == _ID)
    .values(
        version=Course.version + 1,
        updated_at=func.now(),
        **{name: bindparam(f"new_{name}") for name in _DETAILS},
    )
)


def _set(**values: Any) -> Query:
    return compiled(update(Course).where(Course.id == _ID).values(updated_at=func.now(), **values))


_PUBLISH = _set(
    status=literal_column("'published'"),
    published_at=func.coalesce(Course.published_at, func.now()),
    archived_at=None,
)
_UNPUBLISH = _set(status=literal_column("'draft'"), featured_at=None)
_ARCHIVE = _set(status=literal_column("'archived'"), archived_at=func.now(), featured_at=None)
_FEATURE = _set(featured_at=func.coalesce(Course.featured_at, func.now()))
_UNFEATURE = _set(featured_at=None)


def checked_details(values: dict[str, Any]) -> dict[str, Any]:
    """Title, description, category, level and language as they may be stored. Raises INVALID_INPUT at the field."""
    checked = dict(values)
    if "title" in values:
        checked["title"] = checked_text(values["title"], "input", "title", minimum=1, maximum=TITLE_LIMIT)
    if "description" in values:
        description = values["description"] or ""
        checked["description"] = checked_text(
            description, "input", "description", maximum=DESCRIPTION_LIMIT, breaks=True
        )
    if values.get("category") is not None:
        checked["category"] = checked_text(
            values["category"], "input", "category", minimum=1, maximum=CATEGORY_LIMIT
        )
    if values.get("level") is not None:
        checked["level"] = CourseLevel(values["level"]).value
    if values.get("language") is not None:
        checked["language"] = checked_language(values["language"], "input", "language")
    return checked


async def create_course(
    tx: Transaction,
    actor: Actor,
    *,
    title: str,
    description: str = "",
    category: str | None = None,
    level: str | None = None,
    language: str | None = None,
) -> int:
    """A draft whose lead is the actor. Returns its id. Raises FORBIDDEN, INVALID_INPUT, AccountGone."""
    if not actor.may_teach or actor.user_id is None:
        raise Forbidden
    details = checked_details(
        {
            "title": title,
            "description": description,
            "category": category,
            "level": level,
            "language": language,
        }
    )
    slugs = candidates(details["title"])
    created = None
    while created is None:
        try:
            created = await tx.fetch_one(_INSERT, slug=next(slugs), instructor_id=actor.user_id, **details)
        except ForeignKeyViolationError:
            raise AccountGone from None
    course_id: int = created["id"]
    await tx.fetch(_INSERT_STATS, course_id=course_id)
    await tx.fetch(_INSERT_INSTRUCTOR, course_id=course_id, user_id=actor.user_id)
    return course_id


async def update_course(
    tx: Transaction, actor: Actor, *, course_id: int, expected_version: int, changes: dict[str, Any]
) -> None:
    """Changes the given details, leaves the others; the slug stays. Raises CONFLICT when the version is stale."""
    course = await course_to_edit(tx, actor, course_id, "courseId")
    check_version(course, expected_version)
    details = {name: course[name] for name in _DETAILS} | checked_details(changes)
    await tx.fetch(_UPDATE, course_id=course_id, **{f"new_{name}": value for name, value in details.items()})
    await _card_changed(tx, course)


async def publish_course(tx: Transaction, actor: Actor, *, course_id: int) -> None:
    """Draft or archived -> published; published stays. Raises INVALID_STATE for a course without a lesson."""
    course = await course_to_edit(tx, actor, course_id, "courseId", archived=True)
    if course["status"] == CourseStatus.PUBLISHED:
        return
    counted = await tx.fetch_one(_COUNT_LESSONS, course_id=course_id)
    if counted is None or counted["lesson_count"] == 0:
        raise InvalidState(
            "A course needs at least one lesson before it is published.", path=("input", "courseId")
        )
    await tx.fetch(_PUBLISH, course_id=course_id)


async def unpublish_course(tx: Transaction, actor: Actor, *, course_id: int) -> None:
    """Published -> draft; a draft stays. Raises INVALID_STATE for an archived course."""
    course = await course_to_edit(tx, actor, course_id, "courseId")
    if course["status"] == CourseStatus.PUBLISHED:
        await tx.fetch(_UNPUBLISH, course_id=course_id)
        await _card_changed(tx, course)
        if course["featured_at"] is not None:
            await featured_changed(tx)


async def archive_course(tx: Transaction, actor: Actor, *, course_id: int) -> None:
    """Published -> archived: out of every list, still there by its link. Raises INVALID_STATE for a draft."""
    course = await course_to_edit(tx, actor, course_id, "courseId", archived=True)
    if course["status"] == CourseStatus.DRAFT:
        raise InvalidState("A draft is not archived; only a published course is.", path=("input", "courseId"))
    if course["status"] == CourseStatus.PUBLISHED:
        await tx.fetch(_ARCHIVE, course_id=course_id)
        await _card_changed(tx, course)
        if course["featured_at"] is not None:
            await featured_changed(tx)


async def set_course_featured(tx: Transaction, actor: Actor, *, course_id: int, featured: bool) -> None:
    """Puts a published course forward, or takes it back. Raises INVALID_STATE when it is not published."""
    course = await course_to_edit(tx, actor, course_id, "courseId")
    if featured and course["status"] != CourseStatus.PUBLISHED:
        raise InvalidState("Only a published course can be featured.", path=("input", "courseId"))
    await tx.fetch(_FEATURE if featured else _UNFEATURE, course_id=course_id)
    await _card_changed(tx, course)
    await featured_changed(tx)


async def _card_changed(tx: Transaction, before: Record) -> None:
    # What was not published had no card.
    if before["status"] == CourseStatus.PUBLISHED:
        await courses_changed(tx, before["id"])


async def add_course_instructor(
    tx: Transaction, notifier: Notifier, actor: Actor, *, course_id: int, user_id: int
) -> None:
    """Lets an instructor teach the course too; again changes nothing. Raises NOT_FOUND, LIMIT_REACHED.

    A student is NOT_FOUND too, as they are for `node`; to administrators, who see them, INVALID_INPUT.
    """
    course = await course_to_edit(tx, actor, course_id, "courseId")
    users = await identity.users_by_id(tx, [user_id])
    student = bool(users) and users[0]["role"] == Role.STUDENT
    # Who teaches may not learn which ids are students' by trying them.
    if not users or (student and not actor.is_admin):
        raise NotFound("user", "userId")
    if student:
        raise DomainError("Only instructors and administrators teach.", path=("input", "userId"))
    teaching = {row["user_id"] for row in await tx.fetch(_INSTRUCTORS, course_id=course_id)}
    if user_id not in teaching and len(teaching) >= INSTRUCTOR_LIMIT:
        raise LimitReached(
            f"A course has at most {INSTRUCTOR_LIMIT} instructors.", path=("input", "courseId")
        )
    added = await tx.fetch(_INSERT_INSTRUCTOR, course_id=course_id, user_id=user_id)
    await _tell(
        tx, notifier, NotificationKind.INSTRUCTOR_ADDED, course, actor=actor, user_id=user_id, changed=added
    )


async def remove_course_instructor(
    tx: Transaction, notifier: Notifier, actor: Actor, *, course_id: int, user_id: int
) -> None:
    """Takes somebody off the course; somebody who is not on it changes nothing. Raises INVALID_STATE for the lead."""
    course = await course_to_edit(tx, actor, course_id, "courseId")
    if course["instructor_id"] == user_id:
        raise InvalidState("The lead of a course cannot be removed.", path=("input", "userId"))
    removed = await tx.fetch(_DELETE_INSTRUCTOR, course_id=course_id, user=user_id)
    await _tell(
        tx,
        notifier,
        NotificationKind.INSTRUCTOR_REMOVED,
        course,
        actor=actor,
        user_id=user_id,
        changed=removed,
    )


async def _tell(
    tx: Transaction,
    notifier: Notifier,
    kind: NotificationKind,
    course: Record,
    *,
    actor: Actor,
    user_id: int,
    changed: list[Record],
) -> None:
    """Nothing where nothing changed, and nobody of what they did themselves."""
    if changed and user_id != actor.user_id:
        # The moment at which they joined tells one stay on the course from the next.
        key = f"{kind}:{course['id']}:{changed[0]['created_at'].isoformat()}"
        payload = {"course_id": course["id"], "course_title": course["title"]}
        await notify(tx, notifier, kind=kind, recipients=[user_id], key=key, payload=payload)
