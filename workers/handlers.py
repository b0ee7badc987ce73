"""Which function does which job: one line a job."""

from collections.abc import Mapping
from types import MappingProxyType

from app.jobs import Job
from app.outbox import Claim
from app.resources import Resources
from workers import cache, identity, learning, notifications, operations, recomputing, storage
from workers.running import Handler


async def _probe(_resources: Resources, _claim: Claim) -> None:
    """Nothing: that it ends is what is asked."""


HANDLERS: Mapping[Job, Handler] = MappingProxyType(
    {
        Job.BEGIN_RECOMPUTING: recomputing.begin_recomputing,
        Job.FORGET_CACHED: cache.forget_cached,
        Job.PROBE: _probe,
        Job.RUN_OPERATION: operations.run_operation,
        Job.SEND_ACCOUNT_MAIL: identity.send_account_mail,
        Job.SEND_INVITATION: learning.send_invitation,
        Job.SEND_NOTIFICATION_MAILS: notifications.send_mails,
        Job.SWEEP_UPLOADS: storage.sweep_uploads,
        Job.TELL_COURSE_COMPLETED: learning.tell_course_completed,
    }
)
