"""A step at which the process kills itself, once: whoever comes there next lives."""

import os
import signal

from app.database import Database, Query

_ONCE = Query("INSERT INTO deaths (step) VALUES ($1) ON CONFLICT DO NOTHING RETURNING step", ("step",), {})


async def die_once(database: Database, step: str | None, here: str) -> None:
    """Ends the process without a word if `step` is `here` and nobody has died of it before."""
    if step == here and await database.fetch(_ONCE, step=here):
        os.kill(os.getpid(), signal.SIGKILL)
