"""Lessons: the pieces of a module, in order."""

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import BigInteger, bindparam, delete, func, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.catalog.cards import video_files_changed
from app.catalog.errors import LimitReached, NotFound
from app.catalog.markup import render
from app.catalog.models import BodyFormat, Lesson, LessonKind, VideoMetadata
from app.catalog.service.editing import MODULE, check_version, lesson_to_edit, module_to_edit
from app.catalog.service.modules import change_lesson_count, refuse_emptying
from app.catalog.service.outlines import outline_changed
from app.catalog.service.positions import LESSONS, check_position
from app.catalog.service.videos import VideoContent
from app.database import Transaction, compiled
from app.errors import DomainError
from app.identity.actor import Actor
from app.validation import checked_text

LESSON_LIMIT = 1000
TITLE_LIMIT = 200
BODY_LIMIT = 50_000
URL_LIMIT = 2_000
REQUIRED_SHARE = 0.95
"""Unless its author says otherwise. Not all: players skip the last frames."""
_ID = bindparam("lesson_id", type_=BigInteger)
_CONTENT = (
    "title",
    "is_preview",
    "external_url",
    "body_format",
    "body_source",
    "body_html",
    "required_share",
)

_INSERT = compiled(
    insert(Lesson).returning(Lesson.id), columns=["course_id", "module_id", "kind", "position", *_CONTENT]
)
_UPDATE = compiled(
    update(Lesson)
    .where(Lesson.id == _ID)
    .values(version=Lesson.version + 1, **{name: bindparam(f"new_{name}") for name in _CONTENT})
)
_video = upsert(VideoMetadata)
_UPSERT_VIDEO = compiled(
    _video.on_conflict_do_update(
        index_elements=["lesson_id"],
        set_={
            "duration_ms": _video.excluded.duration_ms,
            "manifest_key": func.coalesce(_video.excluded.manifest_key, VideoMetadata.manifest_key),
            "captions": func.coalesce(_video.excluded.captions, VideoMetadata.captions),
        },
    ).returning(VideoMetadata.id),
    columns=["lesson_id", "duration_ms", "manifest_key", "captions"],
)
_DELETE = compiled(delete(Lesson).where(Lesson.id == _ID))
_MOVE = compiled(
    update(Lesson)
    .where(Lesson.id == _ID)
    .values(module_id=bindparam("new_module_id"), position=bindparam("new_position"))
)


@dataclass(frozen=True, slots=True)
class LessonContent:
    """What an author gives; None leaves a field as it is, or empty in a new lesson."""

    title: str | None = None
    body: str | None = None
    body_format: BodyFormat | None = None
    external_url: str | None = None
    is_preview: bool | None = None
    required_share: float | None = None
    """Of a video: how much of it is to be watched, 0 (excluded) to 1."""
    video: VideoContent | None = None

    def columns(self) -> dict[str, Any]:
        """The columns that change. Raises INVALID_INPUT."""
        changed: dict[str, Any] = {}
        if self.title is not None:
            changed["title"] = checked_text(self.title, "input", "title", minimum=1, maximum=TITLE_LIMIT)
        if self.is_preview is not None:
            changed["is_preview"] = self.is_preview
        if self.external_url is not None:
            changed["external_url"] = checked_url(self.external_url, "input", "externalUrl")
        if self.required_share is not None:
            if not 0.01 <= self.required_share <= 1:
                raise DomainError("Between 0.01 and 1.", path=("input", "requiredShare"))
            changed["required_share"] = self.required_share
        if self.body is not None:
            source = checked_text(self.body, "input", "body", maximum=BODY_LIMIT, breaks=True)
            changed["body_source"] = source or None
        if self.body_format is not None:
            changed["body_format"] = self.body_format
        return changed


def checked_url(value: str, *path: str) -> str:
    """An http or https address with a host. Raises INVALID_INPUT."""
    address = checked_text(value, *path, minimum=1, maximum=URL_LIMIT)
    try:
        parts = urlsplit(address)
        fine = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0  # reading it raises ValueError for what is no port
            and not any(c.isspace() for c in address)
        )
    except ValueError:
        fine = False
    if not fine:
        raise DomainError("This is not a web address (http or https).", path=path)
    return address


async def _rendered(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns of a body, made from its source. In a thread: a hostile text takes seconds, and others are served."""
    source = columns["body_source"]
    if source is None:
        return {"body_source": None, "body_format": None, "body_html": None}
    body_format = BodyFormat(columns["body_format"] or BodyFormat.MARKDOWN)
    html = await asyncio.to_thread(render, source, body_format)
    return {"body_source": source, "body_format": body_format, "body_html": html}


def _check_kind(
    kind: LessonKind, columns: dict[str, Any], content: LessonContent, *, duration_known: bool
) -> None:
    if kind is LessonKind.PAGE and not columns.get("body_source"):
        raise DomainError("A page needs a body.", path=("input", "body"))
    if kind is LessonKind.LINK and not columns.get("external_url"):
        raise DomainError("A link needs an address.", path=("input", "externalUrl"))
    if kind is not LessonKind.LINK and columns.get("external_url"):
        raise DomainError("Only a link has an address.", path=("input", "externalUrl"))
    if kind is LessonKind.VIDEO and content.video is None and not duration_known:
        raise DomainError("A video needs its duration.", path=("input", "video"))
    if kind is not LessonKind.VIDEO and content.required_share is not None:
        raise DomainError("Only a video is watched in part.", path=("input", "requiredShare"))
    if kind is not LessonKind.VIDEO and content.video is not None:
        raise DomainError("Only a video lesson has a video.", path=("input", "video"))


async def add_lesson(
    tx: Transaction,
    actor: Actor,
    *,
    module_id: int,
    kind: LessonKind,
    content: LessonContent,
    position: int | None = None,
) -> int:
    """At `position` (from 1), or at the end. Returns its id. Raises INVALID_INPUT, LIMIT_REACHED at 1,000 lessons."""
    check_position(position)
    columns = {
        "is_preview": False,
        "external_url": None,
        "body_format": None,
        "body_source": None,
        "required_share": REQUIRED_SHARE,
    }
    columns |= content.columns()
    if "title" not in columns:
        raise DomainError("A lesson needs a title.", path=("input", "title"))
    _check_kind(kind, columns, content, duration_known=False)
    columns |= await _rendered(columns)
    module = await module_to_edit(tx, actor, module_id, "moduleId")
    course_id = module["course_id"]
    video = None if content.video is None else content.video.columns(course_id)
    if len(await LESSONS.ids(tx, module_id)) >= LESSON_LIMIT:
        raise LimitReached(f"A module has at most {LESSON_LIMIT:,} lessons.", path=("input", "moduleId"))
    if content.video is not None:
        await content.video.use(tx, course_id)
    position = await LESSONS.open_gap(tx, module_id, position)
    rows = await tx.fetch(
        _INSERT, course_id=course_id, module_id=module_id, kind=kind, position=position, **columns
    )
    lesson_id = int(rows[0]["id"])
    if video is not None:
        await tx.fetch(_UPSERT_VIDEO, lesson_id=lesson_id, **video)
    await change_lesson_count(tx, course_id, 1)
    return lesson_id


async def update_lesson(
    tx: Transaction, actor: Actor, *, lesson_id: int, expected_version: int, content: LessonContent
) -> None:
    """Changes what is given; the kind stays. Raises CONFLICT when the version is stale."""
    changed = content.columns()
    lesson = await lesson_to_edit(tx, actor, lesson_id, "lessonId")
    video = None if content.video is None else content.video.columns(lesson["course_id"])
    check_version(lesson, expected_version)
    columns = {name: lesson[name] for name in _CONTENT} | changed
    _check_kind(LessonKind(lesson["kind"]), columns, content, duration_known=True)
    if changed.keys() & {"body_source", "body_format"}:
        columns |= await _rendered(columns)
    await tx.fetch(_UPDATE, lesson_id=lesson_id, **{f"new_{name}": value for name, value in columns.items()})
    if content.video is not None and video is not None:
        await content.video.use(tx, lesson["course_id"])
        rows = await tx.fetch(_UPSERT_VIDEO, lesson_id=lesson_id, **video)
        if content.video.names_files:
            await video_files_changed(tx, rows[0]["id"])
    if video is not None or "required_share" in changed:
        await outline_changed(tx, actor, lesson["course_id"])


async def remove_lesson(tx: Transaction, actor: Actor, *, lesson_id: int) -> int:
    """Returns the module's id. Raises INVALID_STATE for the last lesson of a published course."""
    lesson = await lesson_to_edit(tx, actor, lesson_id, "lessonId")
    await refuse_emptying(tx, actor, lesson["course_id"], 1, "lessonId")
    await tx.fetch(_DELETE, lesson_id=lesson_id)
    await LESSONS.close_gap(tx, lesson["module_id"], lesson["position"])
    await change_lesson_count(tx, lesson["course_id"], -1)
    await outline_changed(tx, actor, lesson["course_id"])
    return int(lesson["module_id"])


async def move_lesson(
    tx: Transaction, actor: Actor, *, lesson_id: int, module_id: int, position: int | None = None
) -> None:
    """Into a module of the same course, at `position` or at its end. Raises NOT_FOUND for a module elsewhere."""
    check_position(position)
    lesson = await lesson_to_edit(tx, actor, lesson_id, "lessonId")
    # Under the lock of the lesson's course: another course is never locked too, so that two moves cannot deadlock.
    target = await tx.fetch_one(MODULE, module_id=module_id)
    if target is None or target["course_id"] != lesson["course_id"]:
        raise NotFound("module", "moduleId")
    if lesson["module_id"] == module_id:
        others = [other for other in await LESSONS.ids(tx, module_id) if other != lesson_id]
        place = len(others) if position is None else min(position - 1, len(others))
        await LESSONS.arrange(tx, module_id, [*others[:place], lesson_id, *others[place:]], "moduleId")
        return
    if len(await LESSONS.ids(tx, module_id)) >= LESSON_LIMIT:
        raise LimitReached(f"A module has at most {LESSON_LIMIT:,} lessons.", path=("input", "moduleId"))
    await LESSONS.close_gap(tx, lesson["module_id"], lesson["position"])
    new_position = await LESSONS.open_gap(tx, module_id, position)
    await tx.fetch(_MOVE, lesson_id=lesson_id, new_module_id=module_id, new_position=new_position)


async def reorder_lessons(tx: Transaction, actor: Actor, *, module_id: int, lesson_ids: list[int]) -> None:
    """Raises CONFLICT unless the list names every lesson of the module exactly once."""
    await module_to_edit(tx, actor, module_id, "moduleId")
    await LESSONS.arrange(tx, module_id, lesson_ids, "lessonIds")
