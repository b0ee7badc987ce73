"""Flushes that die: `python flushing.py USER VIDEO`. Each life reports two more seconds of a video and flushes, until it has died once
after every step there is; the last one lives and flushes what the dead have left.

Each is a process of its own, killed with SIGKILL after so many steps: taken, each statement, committed, settled. So an API's
death is in it too: whoever reports dies right after.
"""

import asyncio
import sys
import time

from app.database import Transaction
from app.learning.beats import BeatEvent
from app.learning.progress_buffer import ProgressBuffer
from app.resources import open_resources
from app.settings import ProgressSettings, Settings
from tests.support.watching import beat
from tests.workers.surviving.dying import Life, live_on
from workers.learning import Flusher


async def live(last: int, user: int, video: int) -> None:
    life = Life(last)
    # A second is the shortest lease: what the dead had taken is free soon.
    settings = Settings(progress=ProgressSettings(flush_lease=1.0))
    async with open_resources(settings) as resources:
        reports = [
            beat(video, last * 2, last * 2 + 1, at=time.time(), sequence=last * 2),
            beat(
                video, last * 2 + 1, last * 2 + 2, at=time.time(), sequence=last * 2 + 1, event=BeatEvent.SEEK
            ),
        ]
        report = await resources.progress_recorder.record(user, reports)
        assert report.accepted == len(reports), report
        for owner, name in (
            (ProgressBuffer, "take"),
            (Transaction, "fetch_text"),
            (Transaction, "finish"),
            (ProgressBuffer, "settle"),
        ):
            setattr(owner, name, life.counting(getattr(owner, name)))
        flusher = Flusher(resources)
        while (await resources.progress_buffer.measure())[0]:
            await flusher.flush()
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    user, video = map(int, sys.argv[1:])
    live_on(lambda last: live(last, user, video))
