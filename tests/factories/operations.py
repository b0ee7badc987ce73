"""Operations for tests."""

from typing import Any
from uuid import UUID

from app.database import Database
from app.jobs import Job, OperationKind
from app.operations import service
from app.outbox import Claim, claim_job, job_id_of
from app.resources import Resources
from tests.factories.catalog import run
from tests.factories.identity import make_user

ENDED = ("succeeded", "failed", "cancelled")


async def begin(
    resources: Resources,
    owner_id: int | None = None,
    kind: OperationKind = OperationKind.IMPORT_CATALOG,
    **arguments: Any,
) -> UUID:
    """One that waits for its worker, with its job; of somebody."""
    if owner_id is None:
        owner_id = (await make_user(resources.database)).number
    async with resources.database.transaction() as tx:
        return await service.begin(tx, resources.outbox, kind=kind, owner_id=owner_id, arguments=arguments)


def job_of(operation_id: UUID) -> UUID:
    return job_id_of(Job.RUN_OPERATION, service.job_key(operation_id))


async def started(resources: Resources, operation_id: UUID) -> Claim:
    """Its next attempt has begun."""
    claim = await claim_job(resources.database, job_of(operation_id))
    assert claim is not None
    async with resources.database.transaction() as tx:
        assert await service.start(tx, operation_id)
    return claim


async def row_of(database: Database, operation_id: UUID) -> dict[str, Any]:
    """The operation as it stands in the table."""
    (row,) = await run(database, "SELECT * FROM operations WHERE id = $1", operation_id)
    return dict(row)


async def make_operations(
    database: Database, owner_id: int, count: int = 1, state: str = "queued"
) -> list[UUID]:
    """Without jobs, the latest last."""
    rows = await run(
        database,
        "INSERT INTO operations (id, kind, owner_id, state, arguments, result, error_code, error_message, finished_at)"
        " SELECT uuidv7((n - $2) * interval '1 second'), 'import_catalog', $1, $3, '{}',"
        ' CASE $3 WHEN \'succeeded\' THEN \'[{"name": "created", "count": 3}]\'::jsonb END,'
        " CASE $3 WHEN 'failed' THEN 'refused' END, CASE $3 WHEN 'failed' THEN 'No such file.' END,"
        " CASE WHEN $3 NOT IN ('queued', 'running') THEN now() END"
        " FROM generate_series(1, $2::int) AS n RETURNING id",
        owner_id,
        count,
        state,
    )
    return sorted(row["id"] for row in rows)
