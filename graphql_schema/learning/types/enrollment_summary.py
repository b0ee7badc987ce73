"""Enrolments of a course in numbers."""

from typing import Self

import strawberry

from graphql_schema.fields import field
from graphql_schema.node import global_id
from graphql_schema.permissions import PUBLIC, policy
from loaders.batching import Row


@strawberry.type(description="How many imported enrolments came to one result.")
@policy(PUBLIC)
class FinalResultCount:
    result: str = field(description="As the enrolments' source calls it, such as Pass.")
    count: int = field(description="How many.")


@strawberry.type(description="What the source of imported enrolments says of them.")
@policy(PUBLIC)
class ImportedEnrollments:
    total: int = field(description="How many enrolments were imported.")
    final_results: list[FinalResultCount] = field(
        description="By result, in the order of names; at most a handful."
    )
    unregistered: int = field(
        description="How many left on a day that the source names, whatever their result."
    )
    unregistered_before_start: int = field(
        description="How many of those left before the course began there."
    )


@strawberry.type(description="A course's enrolments, counted when they were asked for.")
@policy(PUBLIC)
class EnrollmentSummary:
    id: strawberry.ID = field(description="Opaque; one for each course.")
    total: int = field(description="All enrolments, whatever their state.")
    waitlisted: int = field(description="Those in the line for a seat.")
    active: int = field(description="Those who have a seat and have not completed the course.")
    completed: int = field(description="Those who have completed it and did not leave.")
    withdrawn: int = field(description="Those who left.")
    imported: ImportedEnrollments | None = field(
        description="Those that came from another system; null where none did."
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        results = sorted(row["final_results"].items())
        imported = ImportedEnrollments(
            total=row["imported"],
            final_results=[FinalResultCount(result=result, count=count) for result, count in results],
            unregistered=row["unregistered"],
            unregistered_before_start=row["unregistered_before_start"],
        )
        return cls(
            id=strawberry.ID(global_id("EnrollmentSummary", row["course_id"])),
            total=row["total"],
            waitlisted=row["waitlisted"],
            active=row["active"],
            completed=row["completed"],
            withdrawn=row["withdrawn"],
            imported=imported if row["imported"] else None,
        )
