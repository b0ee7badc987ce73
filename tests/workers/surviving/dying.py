"""Steps at which a process kills itself: one by its name, once, or whichever is the nth."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from app.database import Database, Query

_ONCE = Query("INSERT INTO deaths (step) VALUES ($1) ON CONFLICT DO NOTHING RETURNING step", ("step",), {})


async def die_once(database: Database, step: str | None, here: str) -> None:
    """Ends the process without a word if `step` is `here` and nobody has died of it before."""
    if step == here and await database.fetch(_ONCE, step=here):
        os.kill(os.getpid(), signal.SIGKILL)


class Life:
    """Dies after its `last` step."""

    def __init__(self, last: int) -> None:
        self.last, self.steps = last, 0

    def lived(self) -> None:
        self.steps += 1
        if self.steps == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def counting(self, step: Any) -> Any:
        async def counted(*arguments: Any, **named: Any) -> Any:
            answer = await step(*arguments, **named)
            self.lived()
            return answer

        return counted


def live_on(live: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Lives again and again, each time a step longer, until one life ends by itself. Prints how many there were."""
    last, killed = 0, True
    while killed:
        last += 1
        child = os.fork()
        if child == 0:
            asyncio.run(live(last))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed or os.waitstatus_to_exitcode(status) == 0, status
    print(last)  # noqa: T201 - for the test
