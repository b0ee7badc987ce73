"""Jobs that survive: asked for in a transaction, delivered after its commit, repeated until one run has recorded its end.

PostgreSQL holds every job until it is done; Redis only says to a worker which one to look at, and may be emptied at any
time. A job may run twice, its effect happens once: what it writes is committed together with its end, under a fence.
"""

from app.outbox.claims import Claim, Fenced, Repeated, claim_job
from app.outbox.cron_runs import begin_run, end_run, forget_old_records, latest_runs, open_run
from app.outbox.dead_letters import dead_letters, discard, retry
from app.outbox.enqueueing import Outbox, enqueue_later, job_id_of, waiting_jobs
from app.outbox.forgetting import forget, unsettled_entries
from app.outbox.handover import Handover
from app.outbox.relay import Relay

__all__ = [
    "Claim",
    "Fenced",
    "Handover",
    "Outbox",
    "Relay",
    "Repeated",
    "begin_run",
    "claim_job",
    "dead_letters",
    "discard",
    "end_run",
    "enqueue_later",
    "forget",
    "forget_old_records",
    "job_id_of",
    "latest_runs",
    "open_run",
    "retry",
    "unsettled_entries",
    "waiting_jobs",
]
