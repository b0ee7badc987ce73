"""A worker as `lectern worker` runs it, whose probe writes a row in the transaction that records its end.

A lost attempt counts as lost after two seconds instead of forty, and what nobody has heard of is told again after one
instead of thirty. With an argument, it dies once with that step behind it: `mailed`, when a mail server has taken a mail.
"""

import asyncio
import logging
import signal
import sys
from dataclasses import replace
from datetime import timedelta

from app.jobs import HANDLING, Job
from app.outbox import Claim, claims, relay
from app.resources import Resources
from app.settings import Settings
from app.telemetry import configure_logging
from tests.workers.surviving.dying import die_once
from workers.identity import send_account_mail
from workers.main import Stop, run


async def count(resources: Resources, claim: Claim) -> None:
    fatal = claim.payload.get("fatal")
    await die_once(resources.database, fatal, "claimed")
    await asyncio.sleep(claim.payload.get("seconds", 0))
    async with claim.finish() as tx:
        await tx.fetch_text("INSERT INTO effects (n) VALUES ($1)", claim.payload["n"])
        await die_once(resources.database, fatal, "recording")
    await die_once(resources.database, fatal, "recorded")


async def mail(resources: Resources, claim: Claim) -> None:
    await send_account_mail(resources, claim)
    await die_once(resources.database, next(iter(sys.argv[1:]), None), "mailed")


async def main() -> None:
    for job in (Job.PROBE, Job.SEND_ACCOUNT_MAIL):
        HANDLING[job] = replace(HANDLING[job], limit=1.0)
    claims.MARGIN = 1.0
    relay.INTERVAL, relay.GRACE, relay.REPEAT = 0.2, timedelta(seconds=0.2), timedelta(seconds=1)
    stop = Stop()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.ask)
    ready = logging.getLogger("counting").info
    handlers = {Job.PROBE: count, Job.SEND_ACCOUNT_MAIL: mail}
    await run(Settings(), stop, schedule=(), handlers=handlers, ready=lambda: ready("the worker runs"))


if __name__ == "__main__":
    configure_logging(json=True, level="INFO")
    asyncio.run(main())
