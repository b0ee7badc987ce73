"""Every background job that a transaction may ask for and how it is run; every event, and which jobs hear of it."""

from dataclasses import dataclass
from enum import StrEnum


class Queue(StrEnum):
    """A kind of work. Each has workers of its own, so that slow jobs never hold up quick ones."""

    QUICK = "quick"
    """Milliseconds to a second, somebody waits for it."""
    SLOW = "slow"
    """Seconds to minutes, nobody waits."""
    OPERATIONS = "operations"
    """Minutes to hours: among others they would take all places for as long."""
    MAIL = "mail"
    """A mail server may be slow; somebody waits all the same."""
    HOUSEKEEPING = "housekeeping"
    """What comes by the clock."""


class Job(StrEnum):
    """Names are stored with what waits: a job that is renamed is a new one."""

    SEND_ACCOUNT_MAIL = "send_account_mail"
    """A mail of identity's: {mail, user_id} or {mail, email_key}. Its token is made when it is sent and rests nowhere."""
    SCHEDULED = "scheduled"
    """One run of an entry of the cron table."""
    FORGET_CACHED = "forget_cached"
    """Says to Redis what has changed, until it has heard; while the row waits, no process believes Redis about it."""
    PROBE = "probe"
    """Does nothing: `lectern jobs probe` asks for one, to see that the machinery works."""
    SEND_NOTIFICATION_MAILS = "send_notification_mails"
    """Sends a batch of the mails that are due; asks for itself while there are more."""
    SEND_INVITATION = "send_invitation"
    """Tells an address that it was invited: {course_id, email_key}. Nothing, when it no longer is."""
    BEGIN_RECOMPUTING = "begin_recomputing"
    """Begins an operation that counts learners' progress anew: {course_id, version, user_id}, whoever changed the course.
    Nothing when the course has changed again since, or nobody learns.
    """
    TELL_COURSE_COMPLETED = "tell_course_completed"
    """Tells a learner that they have completed a course. Hears of COURSE_COMPLETED."""
    SWEEP_UPLOADS = "sweep_uploads"
    """One step through the uploads that no lesson names: {step, after}. Asks for the next one."""
    RUN_OPERATION = "run_operation"
    """The work of an operation, which its owner can watch."""


@dataclass(frozen=True, slots=True)
class Handling:
    """Of a job. `limit` in seconds; after `tries` attempts it is set aside for an operator."""

    queue: Queue = Queue.QUICK
    limit: float = 30.0
    tries: int = 8
    lease: float | None = None
    """Seconds after which an attempt counts as lost unless it says that it lives; by default a little over `limit`."""


OPERATION_LIMIT = 4 * 3600.0
"""Seconds that one attempt at an operation may take."""

HANDLING: dict[Job, Handling] = {
    Job.SEND_ACCOUNT_MAIL: Handling(queue=Queue.MAIL, limit=90.0, tries=48),
    Job.SEND_INVITATION: Handling(queue=Queue.MAIL, limit=90.0, tries=48),
    Job.SCHEDULED: Handling(queue=Queue.HOUSEKEEPING, limit=330.0),
    Job.FORGET_CACHED: Handling(queue=Queue.HOUSEKEEPING, limit=10.0),
    Job.PROBE: Handling(),
    Job.BEGIN_RECOMPUTING: Handling(),
    Job.TELL_COURSE_COMPLETED: Handling(),
    # A step is seconds; folders of ten thousands of files in S3 may be minutes.
    Job.SWEEP_UPLOADS: Handling(queue=Queue.SLOW, limit=300.0),
    Job.SEND_NOTIFICATION_MAILS: Handling(queue=Queue.SLOW, limit=180.0),
    # Hours, but a dead worker's operation goes on elsewhere after half a minute.
    Job.RUN_OPERATION: Handling(queue=Queue.OPERATIONS, limit=OPERATION_LIMIT + 60, lease=30.0),
}


class Event(StrEnum):
    """What has happened, told to whoever wants to know. Names are stored, like those of jobs."""

    PROBED = "probed"
    """Nothing has happened: tests and operators look whether it arrives."""
    ENROLLED = "enrolled"
    """Somebody got a seat in a course. Of this and the next two: {event_id, user_id, course_id, at}."""
    WITHDRAWN = "withdrawn"
    """Somebody left a course, or the line of those who wait for a seat."""
    COURSE_COMPLETED = "course_completed"
    """Somebody has done all lessons of a course."""


CONSUMERS: dict[Event, tuple[Job, ...]] = {
    Event.PROBED: (Job.PROBE,),
    Event.ENROLLED: (),
    Event.WITHDRAWN: (),
    Event.COURSE_COMPLETED: (Job.TELL_COURSE_COMPLETED,),
}
"""Each hears of an event once, whatever is repeated: its job's effect and the note that it heard are one transaction."""


class OperationKind(StrEnum):
    """Every kind of long work that its owner can watch. Names are stored, like those of jobs."""

    IMPORT_CATALOG = "import_catalog"
    IMPORT_CURRICULUM = "import_curriculum"
    IMPORT_LEARNERS = "import_learners"
    RECOMPUTE_PROGRESS = "recompute_progress"
