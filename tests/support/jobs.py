"""Jobs that wait, run here and now instead of by a worker."""

from app.database import Query
from app.resources import Resources
from workers.handlers import HANDLERS
from workers.running import run_job

_DUE = Query("SELECT id FROM jobs WHERE due_at <= now() ORDER BY created_at, id", (), {})


async def run_waiting_jobs(resources: Resources) -> list[str]:
    """All that are due, and what they ask for, one after the other as they were asked for. Returns the outcomes."""
    outcomes: list[str] = []
    while due := await resources.database.fetch(_DUE):
        outcomes += [await run_job(resources, HANDLERS, row["id"]) for row in due]
    return outcomes
