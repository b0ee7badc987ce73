"""Housekeeping of stored files."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.catalog import reads
from app.catalog.service.uploads import forget_upload, give_up_upload, note_uploads
from app.catalog.service.videos import folder_of, is_upload_id
from app.errors import Unavailable
from app.jobs import Job
from app.outbox import Claim
from app.resources import Resources

UNFINISHED = timedelta(days=2)
"""What was begun so long ago and is not finished has no writer any more: a stream may take hours, not days."""
COURSES, UPLOADS = 100, 20
"""Looked through, removed in one step: seconds, each."""
ONE_SWEEPER = "one"
MEASURED = 60.0  # seconds between two looks at what waits
_LARGEST = 2**63 - 1

_log = logging.getLogger("lectern.worker")


async def sweep_unfinished_files(resources: Resources) -> int:
    """Removes what writers that died left behind. Returns how many files."""
    return await resources.storage.sweep(datetime.now(UTC) - UNFINISHED)


async def ask_for_sweeping(resources: Resources) -> None:
    """Begins a walk through the uploads, unless one is on its way."""
    async with resources.database.transaction() as tx:
        await resources.outbox.enqueue(tx, Job.SWEEP_UPLOADS, {"step": "look", "after": 0}, key=ONE_SWEEPER)


async def sweep_uploads(resources: Resources, claim: Claim) -> None:
    """One step: a hundred courses' folders looked at, or the files of twenty uploads removed. A step that is repeated, or
    broken off anywhere, does no harm; the next one is asked for in the transaction that ends this one.
    """
    step = _look if claim.payload["step"] == "look" else _remove
    await step(resources, claim, claim.payload["after"])


async def _look(resources: Resources, claim: Claim, after: int) -> None:
    storage = resources.storage
    courses = sorted(int(name) for name in await storage.folders("videos") if _is_course(name))
    chosen = [course for course in courses if course > after][:COURSES]
    found = [
        (course, UUID(name))
        for course in chosen
        for name in await storage.folders(f"videos/{course}")
        if is_upload_id(name)
    ]
    async with claim.finish() as tx:
        await note_uploads(tx, found)
        following: dict[str, Any] = {"step": "remove", "after": None}
        if len(chosen) == COURSES:
            following = {"step": "look", "after": chosen[-1]}
        await resources.outbox.enqueue(tx, Job.SWEEP_UPLOADS, following, key=ONE_SWEEPER)


async def _remove(resources: Resources, claim: Claim, after: list[Any] | None) -> None:
    age = timedelta(seconds=resources.settings.storage.unnamed_lifetime)
    place = None if after is None else (datetime.fromisoformat(after[0]), after[1], UUID(after[2]))
    due = await reads.uploads_to_remove(resources.database, age, place, UPLOADS)
    for row in due:
        await remove_upload(resources, row["course_id"], row["upload_id"], age)
    async with claim.finish() as tx:
        if len(due) == UPLOADS:
            last = due[-1]
            following = [last["since"].isoformat(), last["course_id"], str(last["upload_id"])]
            await resources.outbox.enqueue(
                tx, Job.SWEEP_UPLOADS, {"step": "remove", "after": following}, key=ONE_SWEEPER
            )


async def remove_upload(resources: Resources, course_id: int, upload_id: UUID, age: timedelta) -> None:
    """Gives it up if nothing names it, then removes its files, then, a day later, forgets it."""
    async with resources.database.transaction() as tx:
        if not await give_up_upload(tx, course_id, upload_id, age):
            return
    files, size = await resources.storage.remove_folder(folder_of(course_id, upload_id))
    async with resources.database.transaction() as tx:
        await forget_upload(tx, course_id, upload_id)
    swept = resources.metrics.uploads_swept
    for kind, number in (("uploads", int(files > 0)), ("files", files), ("bytes", size)):
        swept.labels(kind).inc(number)
    if files:
        context = {"course": course_id, "upload": str(upload_id), "files": files, "bytes": size}
        _log.info("files that no lesson names were removed", extra={"context": context})


async def measure(resources: Resources) -> None:
    """Keeps the gauges of what waits. Until it is cancelled; outages are waited out."""
    metrics = resources.metrics
    while True:
        try:
            waiting = await reads.unnamed_uploads(resources.database)
            metrics.uploads_unnamed.set(waiting["many"])
            metrics.uploads_unnamed_oldest.set(waiting["oldest_seconds"])
        except Unavailable as error:
            _log.warning("uploads that no lesson names are not counted: %s", error)
        await asyncio.sleep(MEASURED)


def _is_course(name: str) -> bool:
    return name.isascii() and name.isdigit() and str(int(name)) == name and int(name) <= _LARGEST
