"""Jobs that wait, run here and now instead of by a worker."""

from app.database import Query
from app.jobs import Job
from app.resources import Resources
from workers.handlers import HANDLERS
from workers.running import run_job

# Those of the cache take two seconds each, for what no test of others has in mind; tests/support/cache.py settles at once.
_DUE = Query(
    "SELECT id FROM jobs WHERE due_at <= now() AND name <> $1 ORDER BY created_at, id",
    ("left_out",),
    {"left_out": Job.FORGET_CACHED},
)


async def run_waiting_jobs(resources: Resources) -> list[str]:
    """All that are due, but the cache's, and what they ask for, in order of their asking. Returns the outcomes."""
    outcomes: list[str] = []
    while due := await resources.database.fetch(_DUE):
        outcomes += [await run_job(resources, HANDLERS, row["id"]) for row in due]
    return outcomes
