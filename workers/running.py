"""One attempt at a job, from the claim to what became of it."""

import asyncio
import logging
import random
import traceback
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any
from uuid import UUID

from app.errors import DomainError, Unavailable
from app.jobs import HANDLING, Job
from app.outbox import Claim, Fenced, Repeated, claim_job
from app.outbox.claims import PARKED, backoff, known
from app.resources import Resources

Handler = Callable[[Resources, Claim], Awaitable[None]]
"""Does the work holding no connection, and records it in `claim.finish()`; one that never does has nothing to record."""

LOSSES = 3
"""After so many attempts in a row that took their worker with them a job is set aside: it may be what kills them."""

_log = logging.getLogger("lectern.jobs")


async def run_job(resources: Resources, handlers: Mapping[Job, Handler], job_id: UUID) -> str:
    """Returns the outcome: nothing, parked, succeeded, fenced, repeated, again, dead. Raises Unavailable when
    PostgreSQL is away: the claim is lost then, and the relay brings the job back.
    """
    claim = await claim_job(resources.database, job_id)
    if claim is None:
        return "nothing"
    job = known(claim.name)
    if job is None or job not in handlers:
        await claim.try_again(PARKED, "This release does not know the job.", uncounted=True)
        _log.warning("a job of the unknown name %s is parked", claim.name[:100])
        return "parked"
    if claim.losses > LOSSES:
        await claim.bury(f"Its worker died in each of {LOSSES} attempts.", "")
        _log.error(
            "%s is set aside: its worker died again and again", job, extra={"context": _context(claim)}
        )
        resources.metrics.job_runs.labels(job, "dead").inc()
        return "dead"
    began = perf_counter()
    outcome = await _attempted(resources, handlers[job], claim, job)
    resources.metrics.job_runs.labels(job, outcome).inc()
    resources.metrics.job_seconds.labels(job).observe(perf_counter() - began)
    return outcome


async def _attempted(resources: Resources, handler: Handler, claim: Claim, job: Job) -> str:
    handling = HANDLING[job]
    try:
        async with asyncio.timeout(handling.limit):
            await handler(resources, claim)
        if not claim.finished:
            async with claim.finish():
                pass
    except Fenced:
        # Another attempt has begun, or has done it: this one leaves no trace.
        return "fenced"
    except Repeated:
        await claim.drop()
        return "repeated"
    except asyncio.CancelledError:
        # The worker stops, and cannot wait: another shall go on at once.
        await asyncio.shield(claim.try_again(0, "The worker stopped.", uncounted=True))
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is written down
        return await _failed(claim, job, error)
    return "succeeded"


async def _failed(claim: Claim, job: Job, error: Exception) -> str:
    if claim.finished:
        # What was recorded has happened.
        _log.error("%s failed after its end was recorded", job, exc_info=error)
        return "succeeded"
    sentence = f"{type(error).__name__}: {error}"[:1000]
    context = _context(claim)
    # What a rule refuses it will refuse again; an outage is nobody's fault and is tried for longer.
    hopeless = isinstance(error, DomainError)
    if hopeless or (claim.tries >= HANDLING[job].tries and not isinstance(error, Unavailable)):
        await claim.bury(sentence, "".join(traceback.format_exception(error))[-20_000:])
        _log.error("%s is set aside: %s", job, sentence, exc_info=error, extra={"context": context})
        return "dead"
    await claim.try_again(backoff(claim.tries, random.random()), sentence)  # noqa: S311 - spreads load, hides nothing
    _log.warning("%s is tried again: %s", job, sentence, extra={"context": context})
    return "again"


def _context(claim: Claim) -> dict[str, Any]:
    return {"job": claim.name, "jobId": str(claim.id), "tries": claim.tries}
