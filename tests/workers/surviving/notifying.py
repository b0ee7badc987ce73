"""A worker as `lectern worker` runs it, that dies once at a step of sending mails: `python notifying.py [STEP]`.

taken     it has taken a batch, and sent nothing of it
accepted  the server has accepted the third mail, and nothing of it is recorded
recorded  the third mail is recorded, the fourth not begun
ending    in the transaction that ends the job
ended     right after it

What a lost attempt had taken is due again after two seconds instead of minutes.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

from app.jobs import HANDLING, Job
from app.mail import Mailer, Message, Outcome
from app.notifications import reads
from app.notifications.service import mailing
from app.outbox import Claim, claims, relay
from app.resources import Resources
from app.settings import Settings
from app.telemetry import configure_logging
from tests.workers.surviving.dying import die_once
from workers import notifications
from workers.main import Stop, run
from workers.schedule import Cron

THIRD = 3
_facts, _settle, _send, _waiting = mailing._facts, mailing._settle, Mailer.send, reads.mails_waiting


def arranged(resources: Resources, fatal: str | None) -> None:
    """Puts the steps at which it may die around what is really done."""
    sent, settled = count(1), count(1)

    async def facts(database: Any, mails: Any) -> Any:
        await die_once(resources.database, fatal, "taken")
        return await _facts(database, mails)

    async def send(self: Mailer, messages: Sequence[Message]) -> list[Outcome]:
        outcomes = await _send(self, messages)
        if next(sent) == THIRD:
            await die_once(resources.database, fatal, "accepted")
        return outcomes

    async def settle(database: Any, mail: Any, state: Any) -> str:
        answer = await _settle(database, mail, state)
        if next(settled) == THIRD:
            await die_once(resources.database, fatal, "recorded")
        return answer

    async def waiting(connection: Any, limit: int = 10) -> Any:
        if limit == 1:
            await die_once(resources.database, fatal, "ending")
        return await _waiting(connection, limit)

    mailing._facts, mailing._settle, reads.mails_waiting = facts, settle, waiting
    Mailer.send = send  # type: ignore[method-assign]


async def main(fatal: str | None = None) -> None:
    job = Job.SEND_NOTIFICATION_MAILS
    HANDLING[job] = replace(HANDLING[job], limit=1.5)
    claims.MARGIN, relay.INTERVAL = 0.5, 0.2
    mailing.LEASE, mailing.BATCH = timedelta(seconds=2), 8
    stop = Stop()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.ask)

    async def send_mails(resources: Resources, claim: Claim) -> None:
        arranged(resources, fatal)
        await notifications.send_mails(resources, claim)
        await die_once(resources.database, fatal, "ended")

    every_second = timedelta(seconds=1)
    await run(
        Settings(),
        stop,
        schedule=[Cron("send-notification-mails", notifications.look_for_due_mails, every=every_second)],
        handlers={job: send_mails},
        ready=lambda: logging.getLogger("notifying").info("the worker runs"),
    )


if __name__ == "__main__":
    configure_logging(json=True, level="INFO")
    asyncio.run(main(*sys.argv[1:]))
