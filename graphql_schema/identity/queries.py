"""What administrators look up of accounts: the audit log."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import strawberry
from graphql import GraphQLError

from app.identity import reads
from app.identity.reads import AuditFilter
from graphql_schema.context import Info
from graphql_schema.identity.types import AuditEntry
from graphql_schema.node import number_of, subject_of
from graphql_schema.pagination import AfterArgument, Connection, FirstArgument, check_first, decode_cursor
from graphql_schema.permissions import ADMINISTRATOR, policy

_CURSOR = {"id": UUID}
_DEFAULT_SPAN = timedelta(days=31)
# The log cannot hold anything later; its ids end with the milliseconds that 48 bits can count.
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
_NOBODY = 0
_NOTHING = ""


@strawberry.input(name="AuditFilter", description="Narrows `auditLog`; every field that is given must hold.")
class AuditFilterInput:
    since: datetime | None = strawberry.field(
        default=None, description="Not before this; by default 31 days before `until`."
    )
    until: datetime | None = strawberry.field(default=None, description="Before this; by default now.")
    actor_id: strawberry.ID | None = strawberry.field(default=None, description="Tried by this user.")
    subject_id: strawberry.ID | None = strawberry.field(
        default=None, description="Done to this object, or meant for it."
    )
    action: str | None = strawberry.field(default=None, description="This mutation.")
    failed: bool | None = strawberry.field(
        default=None, description="True: refused ones only. False: done ones only."
    )

    def narrowed(self) -> AuditFilter:
        """Raises BAD_USER_INPUT for a span that holds nothing."""
        until = datetime.now(UTC) + timedelta(seconds=1) if self.until is None else _within(self.until)
        since = until - _DEFAULT_SPAN if self.since is None else _within(self.since)
        if since >= until:
            raise GraphQLError("`since` must be before `until`.", extensions={"code": "BAD_USER_INPUT"})
        return AuditFilter(
            since=since,
            until=until,
            # Ids and names of nothing find nothing.
            actor_id=None if self.actor_id is None else number_of("User", self.actor_id) or _NOBODY,
            subject=None if self.subject_id is None else subject_of(self.subject_id) or _NOTHING,
            action=None if self.action is None else self.action if self.action.isalpha() else _NOTHING,
            failed=self.failed,
        )


@strawberry.type(description="One page of the audit log.")
@policy(ADMINISTRATOR)
class AuditEntryConnection(Connection[AuditEntry]):
    pass


async def _audit_log(
    info: Info,
    first: FirstArgument,
    after: AfterArgument = None,
    filter: Annotated[AuditFilterInput | None, strawberry.argument(description="Which entries.")] = None,
) -> AuditEntryConnection | None:
    check_first(first)
    narrowed = (filter or AuditFilterInput()).narrowed()
    start: Any = None if after is None else decode_cursor(after, _CURSOR)
    rows = await reads.audit_entries_page(info.context.resources.database, narrowed, first + 1, start)
    return AuditEntryConnection.of_rows(
        rows, first, AuditEntry.of, ordered_by=tuple(_CURSOR), continued=start is not None
    )


def _within(moment: datetime) -> datetime:
    """Kept to times that an id can hold; outside there is nothing."""
    return min(max(moment, _EARLIEST), _LATEST).astimezone(UTC)


@strawberry.type
class IdentityQueries:
    audit_log: AuditEntryConnection | None = strawberry.field(
        resolver=_audit_log,
        description="Every attempt at a mutation, the latest first: who, what, from where, with what outcome.",
        metadata={"policy": ADMINISTRATOR},
    )
