"""Learners' progress after a course has changed: asked for by the catalogue, done as an operation of whoever changed it."""

from collections.abc import Mapping
from typing import Any

from app.jobs import OperationKind
from app.learning.service import recomputing
from app.operations import service as operations
from app.operations.work import Work
from app.outbox import Claim
from app.resources import Resources


async def begin_recomputing(resources: Resources, claim: Claim) -> None:
    """The handler of Job.BEGIN_RECOMPUTING: of many changes in a row the last one begins an operation."""
    course_id, version, user_id = (claim.payload[name] for name in ("course_id", "version", "user_id"))
    async with claim.finish() as tx:
        if await recomputing.is_worthwhile(tx, course_id, version):
            await operations.begin(
                tx,
                resources.outbox,
                kind=OperationKind.RECOMPUTE_PROGRESS,
                owner_id=user_id,
                arguments={"course_id": course_id},
            )


async def recompute_progress(resources: Resources, work: Work, arguments: Mapping[str, Any]) -> None:
    """`arguments`: course_id. Begun again, it counts from the first learner: what is right already is not written."""
    course_id = arguments["course_id"]
    found = recomputing.Recount()
    place: recomputing.Place | None = recomputing.BEGINNING
    async with resources.database.transaction() as tx:
        total = await recomputing.learners_to_recount(tx, course_id)
    while place is not None:
        async with resources.database.transaction() as tx:
            place = await recomputing.recount_chunk(
                tx, resources.outbox, course_id=course_id, after=place, found=found
            )
        work.report(
            done=found.enrollments,
            total=max(total, found.enrollments),
            message=f"{found.enrollments:,} learners counted anew, {found.courses_completed:,} have completed the course.",
            figures={
                "enrollments": found.enrollments,
                "corrected": found.corrected,
                "lessonsCompleted": found.lessons_completed,
                "coursesCompleted": found.courses_completed,
            },
        )
