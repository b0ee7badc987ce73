"""Of any number of attempts at one job one records its end, and what it wrote with it."""

import asyncio
from dataclasses import replace

import pytest

from app.jobs import HANDLING, Job
from app.outbox import Claim, Fenced, claim_job, dead_letters, discard, retry
from app.outbox.claims import backoff
from app.resources import Resources
from tests.factories.catalog import run

LOSE = "UPDATE jobs SET due_at = now()"


async def enqueue(resources: Resources, key: str | None = None) -> None:
    async with resources.database.transaction() as tx:
        await resources.outbox.enqueue(tx, Job.PROBE, {}, key=key)


async def claimed(resources: Resources) -> Claim:
    (row,) = await run(resources.database, "SELECT id FROM jobs")
    claim = await claim_job(resources.database, row["id"])
    assert claim is not None
    return claim


async def count(resources: Resources) -> int:
    return len(await run(resources.database, "SELECT 1 FROM jobs"))


async def test_of_many_claims_at_once_one_succeeds(crowd: Resources) -> None:
    await enqueue(crowd)
    (row,) = await run(crowd.database, "SELECT id FROM jobs")
    claims = await asyncio.gather(*(claim_job(crowd.database, row["id"]) for _ in range(20)))
    assert len([claim for claim in claims if claim]) == 1


async def test_the_effect_and_the_end_are_one(resources: Resources) -> None:
    await enqueue(resources)
    claim = await claimed(resources)

    async def fails() -> None:
        async with claim.finish() as tx:
            await tx.fetch_text("INSERT INTO attempt_throttles (key) VALUES ('effect')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert await count(resources) == 1
    assert await run(resources.database, "SELECT 1 FROM attempt_throttles") == []
    async with claim.finish() as tx:
        await tx.fetch_text("INSERT INTO attempt_throttles (key) VALUES ('effect')")
    assert await count(resources) == 0
    assert len(await run(resources.database, "SELECT 1 FROM attempt_throttles")) == 1


async def test_a_lost_attempt_records_nothing(resources: Resources) -> None:
    await enqueue(resources)
    lost = await claimed(resources)
    await run(resources.database, LOSE)
    second = await claimed(resources)
    assert (lost.tries, second.tries) == (1, 2)

    async def finish(claim: Claim) -> None:
        async with claim.finish():
            pass

    with pytest.raises(Fenced):
        await finish(lost)
    await lost.try_again(0, "too late")
    await lost.bury("too late", "")
    assert await count(resources) == 1
    assert await dead_letters(resources.database) == []
    await finish(second)
    assert await count(resources) == 0


async def test_two_attempts_that_finish_at_once_leave_one_effect(crowd: Resources) -> None:
    await enqueue(crowd)
    first = await claimed(crowd)
    await run(crowd.database, LOSE)
    second = await claimed(crowd)

    async def finish(claim: Claim) -> bool:
        try:
            async with claim.finish() as tx:
                await asyncio.sleep(0.05)
                await tx.fetch_text("INSERT INTO attempt_throttles (key) SELECT uuid_send(uuidv7())")
        except Fenced:
            return False
        return True

    assert sorted(await asyncio.gather(finish(first), finish(second))) == [False, True]
    assert len(await run(crowd.database, "SELECT 1 FROM attempt_throttles")) == 1


async def test_a_running_job_is_nobody_elses_until_it_counts_as_lost(resources: Resources) -> None:
    await enqueue(resources)
    claim = await claimed(resources)
    assert await claim_job(resources.database, claim.id) is None
    (row,) = await run(
        resources.database, "SELECT extract(epoch FROM due_at - now())::float AS seconds FROM jobs"
    )
    assert HANDLING[Job.PROBE].limit < row["seconds"] <= HANDLING[Job.PROBE].limit + 10


async def extend(resources: Resources, claim: Claim) -> None:
    async with resources.database.transaction() as tx:
        await claim.extend(tx)
        await tx.fetch_text("INSERT INTO attempt_throttles (key) VALUES ('a sign of life')")


async def test_a_lease_is_short_and_is_renewed(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HANDLING, Job.PROBE, replace(HANDLING[Job.PROBE], limit=3600, lease=20))
    left = "SELECT extract(epoch FROM due_at - now())::float AS seconds FROM jobs"
    await enqueue(resources)
    claim = await claimed(resources)
    assert 10 < (await run(resources.database, left))[0]["seconds"] <= 20
    await run(resources.database, "UPDATE jobs SET due_at = now() + interval '1 second'")
    await extend(resources, claim)
    assert 10 < (await run(resources.database, left))[0]["seconds"] <= 20


async def test_a_lost_attempt_renews_nothing(resources: Resources) -> None:
    await enqueue(resources)
    lost = await claimed(resources)
    await run(resources.database, LOSE)
    second = await claimed(resources)
    with pytest.raises(Fenced):
        await extend(resources, lost)
    await second.drop()
    with pytest.raises(Fenced):
        await extend(resources, second)
    assert await run(resources.database, "SELECT 1 FROM attempt_throttles") == []


async def test_the_dead_rise_or_go(resources: Resources) -> None:
    for key in ("a", "b"):
        await enqueue(resources, key)
        (row,) = await run(resources.database, "SELECT id FROM jobs")
        claim = await claim_job(resources.database, row["id"])
        assert claim is not None
        await claim.bury("ValueError: no", "Traceback ...")
    first, second = await dead_letters(resources.database)
    assert (first["error"], first["traceback"], first["tries"]) == ("ValueError: no", "Traceback ...", 1)
    async with resources.database.transaction() as tx:
        assert await retry(tx, [first["id"], first["id"]]) == {first["id"]}
        assert await discard(tx, [first["id"], second["id"]]) == {second["id"]}
    assert await dead_letters(resources.database) == []
    assert (await claimed(resources)).tries == 1


async def test_the_dead_that_were_asked_for_anew_wait_once(resources: Resources) -> None:
    await enqueue(resources, "a")
    claim = await claimed(resources)
    await claim.bury("ValueError: no", "Traceback ...")
    await enqueue(resources, "a")
    async with resources.database.transaction() as tx:
        assert await retry(tx, [claim.id]) == {claim.id}
    assert await dead_letters(resources.database) == []
    assert await count(resources) == 1


def test_delays_double_and_end() -> None:
    assert [backoff(tries, 1.0) for tries in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert backoff(1, 0.0) == 0.5
    assert backoff(10_000, 1.0) == 600
