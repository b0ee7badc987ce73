"""Every SELECT of operations. A `connection` is the database itself (a short connection) or a transaction."""

from uuid import UUID

from asyncpg import Record
from sqlalchemy import BigInteger, Boolean, Integer, Uuid, any_, bindparam, func, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.database import Fetch, Query, compiled
from app.identity.actor import Actor
from app.operations.models import OPEN, Operation

SHOWN_COLUMNS = (
    Operation.id,
    Operation.kind,
    Operation.owner_id,
    Operation.state,
    Operation.progress,
    Operation.message,
    Operation.result,
    Operation.error_code,
    Operation.error_message,
    Operation.cancel_requested_at,
    Operation.created_at,
    Operation.started_at,
    Operation.finished_at,
)
"""All but the arguments, which may name files of the machine."""

_FIRST = bindparam("first", type_=Integer)
_AFTER = Operation.id < bindparam("after", type_=Uuid)
_LATEST = select(*SHOWN_COLUMNS).order_by(Operation.id.desc()).limit(_FIRST)
_OWNED = _LATEST.where(Operation.owner_id == bindparam("owner_id", type_=BigInteger))

_VISIBLE = compiled(
    select(*SHOWN_COLUMNS).where(
        Operation.id == any_(bindparam("ids", type_=ARRAY(Uuid))),
        or_(
            bindparam("sees_all", type_=Boolean), Operation.owner_id == bindparam("viewer", type_=BigInteger)
        ),
    )
)
_OWNED_FIRST = compiled(_OWNED)
_OWNED_AFTER = compiled(_OWNED.where(_AFTER))
_LATEST_OF_ALL = compiled(_LATEST)
_LATEST_OPEN = compiled(_LATEST.where(text(OPEN)))
_OPEN_SUMS = compiled(
    select(
        Operation.kind,
        Operation.state,
        func.count().label("many"),
        func.extract("epoch", func.now() - func.min(Operation.created_at)).label("oldest_seconds"),
    )
    .where(text(OPEN))
    .group_by(Operation.kind, Operation.state)
)


async def visible_operations(connection: Fetch, ids: list[UUID], actor: Actor) -> list[Record]:
    """Rows of SHOWN_COLUMNS of those that the actor owns; administrators all. In no order."""
    return await connection.fetch(_VISIBLE, ids=ids, sees_all=actor.is_admin, viewer=actor.user_id or 0)


async def operations_of_owner(
    connection: Fetch, owner_id: int, first: int, after: tuple[UUID] | None = None
) -> list[Record]:
    """Up to `first` of them, the latest first; `after` is the id of the last one seen."""
    if after is None:
        return await connection.fetch(_OWNED_FIRST, owner_id=owner_id, first=first)
    return await connection.fetch(_OWNED_AFTER, owner_id=owner_id, first=first, after=after[0])


async def latest_operations(connection: Fetch, first: int, *, only_open: bool = False) -> list[Record]:
    """Up to `first` of everybody's, the latest first. For operators."""
    query: Query = _LATEST_OPEN if only_open else _LATEST_OF_ALL
    return await connection.fetch(query, first=first)


async def open_sums(connection: Fetch) -> list[Record]:
    """(kind, state, many, oldest_seconds since they were asked for) of those that have not ended."""
    return await connection.fetch(_OPEN_SUMS)
