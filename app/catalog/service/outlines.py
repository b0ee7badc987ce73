"""Telling who keeps learners' progress that what is to be learnt has changed."""

from datetime import timedelta

from app.database import Query, Transaction
from app.identity.actor import Actor
from app.jobs import Job
from app.outbox import enqueue_later

SETTLING = timedelta(seconds=5)
"""Instructors make many changes one after the other: only the last of them is worth a recomputing."""

# Changes of a course pass one after the other, under its lock: each has a version of its own.
_NEXT_VERSION = Query(
    "UPDATE course_stats SET outline_version = outline_version + 1 WHERE course_id = $1 RETURNING outline_version",
    ("course_id",),
    {},
)


async def outline_changed(tx: Transaction, actor: Actor, course_id: int) -> None:
    """To be said after a change by which somebody may have completed more, or less is left to complete.

    The job's key holds the version: one that runs while the course changes again swallows nothing.
    """
    (row,) = await tx.fetch(_NEXT_VERSION, course_id=course_id)
    version = row["outline_version"]
    payload = {"course_id": course_id, "version": version, "user_id": actor.user_id}
    await enqueue_later(tx, Job.BEGIN_RECOMPUTING, payload, key=f"{course_id}:{version}", delay=SETTLING)
