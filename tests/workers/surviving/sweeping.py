"""Sweeps that die: `python sweeping.py FOLDER`. Each life uploads once more, and begins a sweep by which it is due; it is killed
after so many steps: each statement, commit, look into the storage, removed file. The last one lives.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from app.database import Query, Transaction
from app.jobs import HANDLING, Job
from app.outbox import claim_job, claims
from app.resources import open_resources
from app.settings import Settings, StorageSettings
from app.storage import Storage
from tests.workers.surviving.dying import Life, live_on
from workers.storage import ask_for_sweeping, sweep_uploads

WAITING = Query("SELECT id FROM jobs WHERE name = $1", ("name",), {})
LATER = Query("UPDATE unnamed_uploads SET given_up_at = given_up_at - interval '2 days'", (), {})
DUE = Query(
    "INSERT INTO unnamed_uploads VALUES ($1, $2, now() - interval '31 days')", ("course", "upload"), {}
)


async def live(last: int, folder: Path) -> None:
    life = Life(last)
    # What the dead had claimed is free at once.
    HANDLING[Job.SWEEP_UPLOADS] = replace(HANDLING[Job.SWEEP_UPLOADS], lease=0.01)
    claims.MARGIN = 0.0
    async with open_resources(Settings(storage=StorageSettings(url=folder.as_uri()))) as resources:
        upload = uuid4()
        for name in ("1.ts", "2.ts"):
            await resources.storage.put(f"videos/7/{upload}/{name}", b"x", "video/mp2t")
        await resources.database.fetch(LATER)
        await resources.database.fetch(DUE, course=7, upload=upload)
        for owner, name in ((Transaction, "fetch_text"), (Transaction, "finish"), (Storage, "folders")):
            setattr(owner, name, life.counting(getattr(owner, name)))
        unlink = Path.unlink

        def remove(*arguments: Any, **named: Any) -> None:
            unlink(*arguments, **named)
            life.lived()

        setattr(Path, "unlink", remove)  # noqa: B010 - not a method that mypy lets one replace
        await ask_for_sweeping(resources)
        while waiting := await resources.database.fetch(WAITING, name=Job.SWEEP_UPLOADS):
            claim = await claim_job(resources.database, waiting[0]["id"])
            if claim is not None:
                await sweep_uploads(resources, claim)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    live_on(lambda last: live(last, folder))
