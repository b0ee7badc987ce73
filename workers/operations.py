"""Jobs of operations: the work of each kind, done and recorded; what was lost, ended; what is old, forgotten."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID

from app.database import Transaction
from app.errors import DomainError, Unavailable
from app.jobs import OPERATION_LIMIT, OperationKind
from app.operations import reads, service
from app.operations.errors import Cancelled, OperationEnded
from app.operations.models import OperationErrorCode
from app.operations.work import Work
from app.outbox import Claim, Fenced
from app.resources import Resources
from workers.imports import import_catalog_file, import_curriculum_file, import_learners_folder
from workers.recomputing import recompute_progress

Run = Callable[[Resources, Work, Mapping[str, Any]], Awaitable[None]]
"""Does the work, and reports after each step. It may be run again from its beginning, when a worker has died in it: what
it has done before must do no harm. What it refuses is a DomainError, whose message its owner reads.
"""

KINDS: Mapping[OperationKind, Run] = MappingProxyType(
    {
        OperationKind.IMPORT_CATALOG: import_catalog_file,
        OperationKind.IMPORT_CURRICULUM: import_curriculum_file,
        OperationKind.IMPORT_LEARNERS: import_learners_folder,
        OperationKind.RECOMPUTE_PROGRESS: recompute_progress,
    }
)
MEASURED = 15.0
"""Seconds between two looks at what is open."""

_log = logging.getLogger("lectern.operations")


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended that is the last."""

    outcome: str
    code: OperationErrorCode | None = None
    error: str = ""


async def run_operation(
    resources: Resources, claim: Claim, kinds: Mapping[OperationKind, Run] = KINDS
) -> None:
    """The handler of Job.RUN_OPERATION."""
    operation_id = UUID(claim.payload["operation"])
    async with resources.database.transaction() as tx:
        begun = await service.start(tx, operation_id)
        if begun is not None and begun["kind"] not in kinds:
            # Another release's worker may know it: this one looks again, later each time, until a day is over.
            raise Unavailable(f"This release does not know operations of the kind {begun['kind'][:100]}.")
    if begun is None:
        return
    kind = OperationKind(begun["kind"])
    work = Work(resources.database, claim, operation_id)
    ending = (
        Ending("cancelled")
        if begun["unwanted"]
        else await _ending(resources, work, kinds[kind], begun["arguments"])
    )
    async with claim.finish() as tx:
        seconds = await _record(tx, work, ending)
    if seconds is not None:
        resources.metrics.operations_ended.labels(kind, ending.outcome).inc()
        resources.metrics.operation_run_seconds.labels(kind).observe(seconds)
        context = {"operation": str(operation_id), "kind": kind, "outcome": ending.outcome}
        _log.info("an operation %s after %.1f s", ending.outcome, seconds, extra={"context": context})


async def _ending(resources: Resources, work: Work, run: Run, arguments: Mapping[str, Any]) -> Ending:
    """Does the work. Raises what another attempt shall go on with, or has: Unavailable, Fenced."""
    try:
        async with asyncio.timeout(OPERATION_LIMIT) as limit:
            await work.run(lambda: run(resources, work, arguments))
    except (Fenced, Unavailable):
        raise
    except OperationEnded:
        return Ending("given_up")
    except Cancelled:
        return Ending("cancelled")
    except DomainError as error:
        return Ending("failed", OperationErrorCode.REFUSED, error.message)
    except Exception as error:  # noqa: BLE001 - whatever it is, its owner hears that it is over
        if isinstance(error, TimeoutError) and limit.expired():
            sentence = f"The work took longer than {OPERATION_LIMIT / 3600:g} hours."
            return Ending("failed", OperationErrorCode.TIMED_OUT, sentence)
        _log.error("the operation %s failed", work.operation_id, exc_info=error)
        sentence = "Something went wrong on our side; the operators find the reason in the log."
        return Ending("failed", OperationErrorCode.INTERNAL, sentence)
    return Ending("succeeded")


async def _record(tx: Transaction, work: Work, ending: Ending) -> float | None:
    """Seconds since the operation began; None when it has ended by other means."""
    if ending.outcome == "succeeded":
        return await service.succeed(tx, work.operation_id, message=work.message, figures=work.figures)
    if ending.outcome == "cancelled":
        sentence = f"Cancelled; what was done until then stays. {work.message or ''}".strip()
        return await service.end_cancelled(tx, work.operation_id, message=sentence, figures=work.figures)
    if ending.code is None:
        return None
    return await service.fail(
        tx, work.operation_id, code=ending.code, error=ending.error, figures=work.figures
    )


async def end_lost(resources: Resources) -> int:
    """Fails operations whose workers died too often, whose job is gone, or that are a day old. Returns how many."""
    async with resources.database.transaction() as tx:
        failed = await service.end_lost(tx)
    for row in failed:
        kind = row["kind"] if row["kind"] in set(OperationKind) else "unknown"
        resources.metrics.operations_ended.labels(kind, row["error_code"]).inc()
        context = {"operation": str(row["id"]), "kind": row["kind"], "reason": row["error_code"]}
        _log.error("an operation was given up, `lectern jobs list` may say why", extra={"context": context})
    return len(failed)


async def forget_operations(resources: Resources) -> int:
    """Deletes what ended long ago. Returns how many."""
    total, forgotten = 0, -1
    while forgotten:
        async with resources.database.transaction() as tx:
            forgotten = await service.forget_operations(tx)
        total += forgotten
    return total


async def measure(resources: Resources) -> None:
    """Keeps the gauges of what is open. Until it is cancelled; outages are waited out."""
    gauges = (resources.metrics.operations_open, resources.metrics.operations_oldest)
    while True:
        try:
            rows = await reads.open_sums(resources.database)
        except Unavailable:
            rows = []
        for gauge in gauges:
            gauge.clear()
        for row in rows:
            kind = row["kind"] if row["kind"] in set(OperationKind) else "unknown"
            gauges[0].labels(kind, row["state"]).inc(row["many"])
            gauges[1].labels(kind, row["state"]).set(float(row["oldest_seconds"]))
        await asyncio.sleep(MEASURED)
