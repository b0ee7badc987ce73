"""The audit log, read: newest first, always within a span of time, so that only its months are touched."""

from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import array

from app.database import Fetch, Query, compiled
from app.identity.models import SUCCESS, AuditEntry

_AT = func.uuid_extract_timestamp(AuditEntry.id, type_=DateTime(timezone=True)).label("at")


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """`since` and `until` bound the span, the latter excluded; None leaves another dimension open."""

    since: datetime
    until: datetime
    actor_id: int | None = None
    subject: str | None = None
    """As it is stored: type and key, such as Course:12."""
    action: str | None = None
    failed: bool | None = None

    def values(self) -> dict[str, Any]:
        return {
            field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None
        }


# Shapes are bounded: sixteen sets of filters, with or without a cursor.
@cache
def _page_query(names: frozenset[str], *, continued: bool, failed: bool | None) -> Query:
    statement = select(
        AuditEntry.id,
        _AT,
        AuditEntry.actor_id,
        AuditEntry.session_id,
        AuditEntry.action,
        AuditEntry.outcome,
        AuditEntry.subject,
        AuditEntry.client_address,
        AuditEntry.device,
        AuditEntry.request_id,
    ).where(
        # ANY of one: of a span of unknown ends the planner expects a two-hundredth of all rows, and would rather sort a
        # month than walk the index from its end; of two bounds that it does not see as a span, a ninth.
        AuditEntry.id >= any_(array([func.uuid_floor(bindparam("since", type_=DateTime(timezone=True)))])),
        AuditEntry.id < func.uuid_floor(bindparam("until", type_=DateTime(timezone=True))),
    )
    for name, column, type_ in (
        ("actor_id", AuditEntry.actor_id, BigInteger),
        ("subject", AuditEntry.subject, Text),
        ("action", AuditEntry.action, Text),
    ):
        if name in names:
            statement = statement.where(column == bindparam(name, type_=type_))
    # A literal: only so does the planner see that the index of the failures serves.
    if failed is not None:
        success: ColumnElement[str] = literal_column(f"'{SUCCESS}'")
        statement = statement.where(
            AuditEntry.outcome != success if failed else AuditEntry.outcome == success
        )
    if continued:
        statement = statement.where(AuditEntry.id < bindparam("after", type_=Uuid))
    return compiled(statement.order_by(AuditEntry.id.desc()).limit(bindparam("first", type_=Integer)))


async def audit_entries_page(
    connection: Fetch, narrowed: AuditFilter, first: int, after: tuple[UUID] | None
) -> list[Record]:
    """Up to `first` entries (id, at, actor_id, session_id, action, outcome, subject, ...), the latest first.

    `after` is the id of the last one seen.
    """
    values = narrowed.values()
    failed = values.pop("failed", None)
    query = _page_query(frozenset(values), continued=after is not None, failed=failed)
    if after is not None:
        values["after"] = after[0]
    return await connection.fetch(query, first=first, **values)
