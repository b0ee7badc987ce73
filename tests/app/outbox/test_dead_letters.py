"""What an operator wakes while it dies once more."""

import asyncio
from uuid import UUID

from app.database import Transaction
from app.jobs import Job
from app.outbox import Claim, claim_job, dead_letters, retry
from app.resources import Resources
from tests.factories.catalog import run
from tests.support.meeting import Halt, as_far_as_it_comes, begin


async def asked_for(crowd: Resources) -> Claim:
    async with crowd.database.transaction() as tx:
        job_id = await crowd.outbox.enqueue(tx, Job.PROBE, {}, key="once more")
    assert job_id is not None
    claim = await claim_job(crowd.database, job_id)
    assert claim is not None
    return claim


async def holding(tx: Transaction, letter: UUID) -> None:
    await tx.fetch_text("SELECT FROM dead_letters WHERE id = $1 FOR UPDATE", letter)
    await tx.fetch_text("SELECT 'the end'")


async def test_one_that_was_asked_for_anew_and_fails_again(crowd: Resources) -> None:
    """Both want its dead letter, and its job: here who wakes it comes first, and waits for a third."""
    await (await asked_for(crowd)).bury("ValueError: no", "")
    claim = await asked_for(crowd)
    halt = Halt("the end")
    third = begin(crowd.database, lambda tx: holding(tx, claim.id), halt)
    await halt.reached_by(third)
    waking = begin(crowd.database, lambda tx: retry(tx, [claim.id]))
    await as_far_as_it_comes(crowd.database, waking)
    burying = asyncio.create_task(claim.bury("ValueError: again", ""))
    await as_far_as_it_comes(crowd.database, waking, burying)
    halt.go.set()
    await asyncio.wait((third, waking, burying))
    assert await waking == {claim.id}
    await burying
    # Woken, it waited beside the one that failed, and was buried with it.
    (letter,) = await dead_letters(crowd.database)
    assert (letter["id"], letter["error"]) == (claim.id, "ValueError: again")
    assert await run(crowd.database, "SELECT FROM jobs") == []
