"""A program that asks for jobs, as the API does: `python asking.py FIRST LAST [FATAL]`. Restarted, it goes on.

Each number is written down and asked for in one transaction. FATAL is the step at which it dies, once: `asked` before the
commit, `committed` before a worker is told, `told` after it.
"""

import asyncio
import sys

from app.database import Query
from app.errors import Unavailable
from app.jobs import Job
from app.resources import Resources, open_resources
from app.settings import Settings
from tests.workers.surviving.dying import die_once

NOTE = Query("INSERT INTO asked (n) VALUES ($1) ON CONFLICT DO NOTHING RETURNING n", ("n",), {})


async def ask(resources: Resources, number: int, fatal: str | None) -> None:
    async with resources.database.transaction() as tx:

        async def committed() -> None:
            await die_once(resources.database, fatal, "committed")

        if await tx.fetch(NOTE, n=number):
            tx.after_commit(committed)
            await resources.outbox.enqueue(tx, Job.PROBE, {"n": number})
            await die_once(resources.database, fatal, "asked")
    await die_once(resources.database, fatal, "told")


async def main(first: int, last: int, fatal: str | None = None) -> None:
    async with open_resources(Settings()) as resources:
        number = first
        while number <= last:
            try:
                await ask(resources, number, fatal)
            except Unavailable:
                # As a client whose mutation was not answered: it asks again.
                await asyncio.sleep(0.1)
            else:
                number += 1


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
