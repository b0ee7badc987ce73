"""Every SELECT of learning, in batches: (connection, keys) -> rows."""

from app.learning.reads.cohorts import (
    MEMBER_CURSOR,
    cohorts_by_id,
    cohorts_of_courses,
    member_counts_of_cohorts,
    members_of_cohorts,
)
from app.learning.reads.invitations import (
    INVITATION_COLUMNS,
    INVITATION_CURSOR,
    invitation_for_mail,
    invitations_by_id,
    invitations_of_courses,
    invitations_of_users,
)
from app.learning.reads.managing import managed_courses

__all__ = [
    "INVITATION_COLUMNS",
    "INVITATION_CURSOR",
    "MEMBER_CURSOR",
    "cohorts_by_id",
    "cohorts_of_courses",
    "invitation_for_mail",
    "invitations_by_id",
    "invitations_of_courses",
    "invitations_of_users",
    "managed_courses",
    "member_counts_of_cohorts",
    "members_of_cohorts",
]
