"""The enums of learning as clients see them."""

from app.learning.models import EnrollmentState
from graphql_schema.enums import described

described(
    EnrollmentState,
    "Where somebody is with a course.",
    {
        EnrollmentState.WAITLISTED: "In the line for a seat; sees no content yet.",
        EnrollmentState.ACTIVE: "Has a seat and learns.",
        EnrollmentState.COMPLETED: "Has done all its lessons once and keeps the seat; so does who enrols again after that.",
        EnrollmentState.WITHDRAWN: "Left, or waited for a seat until waiting ended. May enrol again.",
    },
)
