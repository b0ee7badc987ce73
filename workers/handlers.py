"""Which function does which job: one line a job."""

from collections.abc import Mapping
from types import MappingProxyType

from app.jobs import Job
from app.outbox import Claim
from app.resources import Resources
from workers.cache import forget_cached
from workers.running import Handler


async def _probe(_resources: Resources, _claim: Claim) -> None:
    """Nothing: that it ends is what is asked."""


HANDLERS: Mapping[Job, Handler] = MappingProxyType({Job.FORGET_CACHED: forget_cached, Job.PROBE: _probe})
