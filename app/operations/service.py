"""Every write of operations. QUEUED -> RUNNING -> SUCCEEDED, FAILED or CANCELLED; whatever has ended stays as it is.

An operation and its job begin in one transaction and end in one (`Claim.finish`). What ends the one without the other is
found by `end_lost`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from asyncpg import Record

from app.database import Query, Transaction
from app.identity.actor import Actor
from app.jobs import Job, OperationKind
from app.operations import reads
from app.operations.errors import OperationEnded, OperationNotFound
from app.operations.models import OperationErrorCode
from app.outbox import Outbox, job_id_of, waiting_jobs

EXPIRY = timedelta(days=1)
"""What has not ended so long after it was asked for has failed, whatever the reason."""
KEPT = timedelta(days=90)
"""How long an operation is remembered after its end."""
MESSAGE_LIMIT = 1000
FIGURES_LIMIT = 50
"""Of a result."""
_ROWS = 5_000

_BEGIN = Query(
    "INSERT INTO operations (kind, owner_id, arguments) VALUES ($1, $2, $3) RETURNING id",
    ("kind", "owner_id", "arguments"),
    {},
)
_START = Query(
    "UPDATE operations SET state = 'running', started_at = coalesce(started_at, now())"
    " WHERE id = $1 AND state IN ('queued', 'running')"
    " RETURNING kind, arguments, cancel_requested_at IS NOT NULL AS unwanted",
    ("id",),
    {},
)
# An attempt that begins anew has to catch up first: nobody sees the progress go back.
_RECORD = Query(
    "UPDATE operations SET progress = greatest(progress, $2), message = coalesce($3, message)"
    " WHERE id = $1 AND state = 'running' RETURNING cancel_requested_at IS NOT NULL AS unwanted",
    ("id", "progress", "message"),
    {},
)
_END = Query(
    "UPDATE operations SET state = $2, finished_at = now(), message = coalesce($3, message), result = $4,"
    " error_code = $5, error_message = $6, progress = CASE WHEN $2 = 'succeeded' THEN 1 ELSE progress END"
    " WHERE id = $1 AND state = 'running' RETURNING extract(epoch FROM now() - started_at)::float AS seconds",
    ("id", "state", "message", "result", "code", "error"),
    {"message": None, "result": None, "code": None, "error": None},
)
_CANCEL = Query(
    "UPDATE operations SET cancel_requested_at = coalesce(cancel_requested_at, now()),"
    " state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,"
    " finished_at = CASE state WHEN 'queued' THEN now() END"
    " WHERE id = $1 AND state IN ('queued', 'running') RETURNING *",
    ("id",),
    {},
)
_OPEN = Query(
    "SELECT id, created_at < now() - $1::interval AS late FROM operations WHERE state IN ('queued', 'running')"
    " ORDER BY id LIMIT $2",
    ("expiry", "rows"),
    {},
)
_FAIL = Query(
    "UPDATE operations SET state = 'failed', finished_at = now(), error_code = $2, error_message = $3"
    " WHERE id = ANY($1::uuid[]) AND state IN ('queued', 'running') RETURNING id, kind, owner_id, error_code",
    ("ids", "code", "error"),
    {},
)
_FORGET = Query(
    "DELETE FROM operations WHERE id IN (SELECT id FROM operations WHERE finished_at < now() - $1::interval LIMIT $2)"
    " RETURNING id",
    ("kept", "rows"),
    {},
)


async def begin(
    tx: Transaction, outbox: Outbox, *, kind: OperationKind, owner_id: int, arguments: Mapping[str, Any]
) -> UUID:
    """Asks for the work, if the transaction commits. `arguments` is JSON. Returns the operation's id."""
    (row,) = await tx.fetch(_BEGIN, kind=kind, owner_id=owner_id, arguments=arguments)
    operation_id = UUID(int=row["id"].int)
    await outbox.enqueue(tx, Job.RUN_OPERATION, {"operation": str(operation_id)}, key=job_key(operation_id))
    return operation_id


def job_key(operation_id: UUID) -> str:
    """Under which its job is asked for."""
    return str(operation_id)


async def start(tx: Transaction, operation_id: UUID) -> Record | None:
    """Before each attempt. Returns (kind, arguments, unwanted); None when it has ended: cancelled, given up, forgotten.

    `unwanted`: it was cancelled between two attempts.
    """
    return await tx.fetch_one(_START, id=operation_id)


async def record_progress(
    tx: Transaction, operation_id: UUID, *, progress: float | None, message: str | None
) -> bool:
    """`progress` from 0 to 1, None where nobody knows. Returns whether it shall stop. Raises OperationEnded."""
    row = await tx.fetch_one(_RECORD, id=operation_id, progress=progress, message=shown(message))
    if row is None:
        raise OperationEnded
    return bool(row["unwanted"])


async def succeed(
    tx: Transaction, operation_id: UUID, *, message: str | None, figures: Mapping[str, int]
) -> float | None:
    """`figures` are what came of it. Returns the seconds since it began; None when it had ended already."""
    return await _end(tx, operation_id, "succeeded", message=shown(message), result=_listed(figures))


async def fail(
    tx: Transaction, operation_id: UUID, *, code: OperationErrorCode, error: str, figures: Mapping[str, int]
) -> float | None:
    """`error` is a sentence for its owner; `figures` what came of it until then. Returns as `succeed`."""
    return await _end(
        tx, operation_id, "failed", code=code, error=shown(error), result=_listed(figures) or None
    )


async def end_cancelled(
    tx: Transaction, operation_id: UUID, *, message: str, figures: Mapping[str, int]
) -> float | None:
    """After the work has stopped; `figures` stay. Returns as `succeed`."""
    return await _end(tx, operation_id, "cancelled", message=shown(message), result=_listed(figures) or None)


async def cancel(tx: Transaction, actor: Actor, *, operation_id: UUID) -> Record:
    """One that waits ends at once, one that runs at its next step. Its row. Raises OperationNotFound, OperationEnded."""
    if not await reads.visible_operations(tx, [operation_id], actor):
        raise OperationNotFound
    row = await tx.fetch_one(_CANCEL, id=operation_id)
    if row is None:
        raise OperationEnded
    return row


async def end_lost(tx: Transaction, *, rows: int = _ROWS) -> list[Record]:
    """Fails those of the `rows` oldest open ones whose job is gone or set aside, or that are a day old.

    Returns (id, kind, owner_id, error_code) of each.
    """
    found = await tx.fetch(_OPEN, expiry=EXPIRY, rows=rows)
    jobs = {job_id_of(Job.RUN_OPERATION, job_key(row["id"])): row["id"] for row in found}
    # Later than the operations, as each statement sees what is committed by then: of one that ended in between the job
    # is gone, and _FAIL finds that it has ended.
    waiting = await waiting_jobs(tx, list(jobs))
    lost = [operation_id for job_id, operation_id in jobs.items() if job_id not in waiting]
    late = [row["id"] for row in found if row["late"]]
    failed = await tx.fetch(_FAIL, ids=lost, code=OperationErrorCode.LOST, error=_LOST)
    return failed + await tx.fetch(_FAIL, ids=late, code=OperationErrorCode.TIMED_OUT, error=_LATE)


_LOST = (
    "The work was interrupted again and again, and has been given up. Ask for it again, or ask the operators."
)
_LATE = "The work was not done within a day."


async def forget_operations(tx: Transaction, *, rows: int = _ROWS) -> int:
    """Deletes up to `rows` that ended 90 days ago. Returns how many."""
    return len(await tx.fetch(_FORGET, kept=KEPT, rows=rows))


def shown(text: str | None) -> str | None:
    """As the database can hold it, cut where it is long."""
    if text is None:
        return None
    clean = text.replace("\0", "").encode("utf-8", "replace").decode()
    return clean if len(clean) <= MESSAGE_LIMIT else f"{clean[: MESSAGE_LIMIT - 3]}..."


async def _end(tx: Transaction, operation_id: UUID, state: str, **values: Any) -> float | None:
    row = await tx.fetch_one(_END, id=operation_id, state=state, **values)
    return None if row is None else float(row["seconds"])


def _listed(figures: Mapping[str, int]) -> list[dict[str, Any]]:
    """Raises ValueError for more than a client is told to expect."""
    if len(figures) > FIGURES_LIMIT:
        raise ValueError(f"a result has at most {FIGURES_LIMIT} figures")
    return [{"name": name, "count": count} for name, count in figures.items()]
