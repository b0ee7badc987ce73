"""What identity throws away in time, in steps small enough to disturb nobody.

What somebody else has locked is left for the next time: they may be throwing it away too, in another order.
"""

from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, delete, func, select, text

from app.database import Transaction, compiled
from app.identity.models import AttemptThrottle, AuthSession, EmailToken

BEGINNING = UUID(int=0)
_ROWS = 5_000
"""Looked at in a step: a few milliseconds along the primary key, however many sessions there are."""
# As where a sign-in forgets its account's own (sessions.py): longer than any access token lives, so that the processes
# have heard of every revocation that matters.
_OLD = func.least(AuthSession.expires_at, AuthSession.revoked_at) < func.now() - text("interval '1 day'")

_looked_at = (
    select(AuthSession.id)
    .where(AuthSession.id > bindparam("after", type_=Uuid))
    .order_by(AuthSession.id)
    .limit(bindparam("rows", type_=Integer))
    .cte("looked_at")
)
_gone = (
    delete(AuthSession)
    .where(
        AuthSession.id.in_(
            select(AuthSession.id)
            .where(AuthSession.id.in_(select(_looked_at.c.id)), _OLD)
            .with_for_update(skip_locked=True)
        )
    )
    .returning(AuthSession.id)
    .cte("gone")
)
_STEP = compiled(
    select(
        select(func.count()).select_from(_gone).scalar_subquery().label("forgotten"),
        select(func.count()).select_from(_looked_at).scalar_subquery().label("seen"),
        select(_looked_at.c.id).order_by(_looked_at.c.id.desc()).limit(1).scalar_subquery().label("last"),
    )
)

_AT_ONCE = bindparam("rows", type_=Integer)
_FORGET_TOKENS = compiled(
    delete(EmailToken)
    .where(
        EmailToken.token_hash.in_(
            select(EmailToken.token_hash)
            .where(EmailToken.expires_at < func.now())
            .limit(_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
    )
    .returning(EmailToken.user_id)
)
# Longer ago than any rest lasts and any failure counts.
_FORGET_FAILURES = compiled(
    delete(AttemptThrottle)
    .where(
        AttemptThrottle.key.in_(
            select(AttemptThrottle.key)
            .where(AttemptThrottle.last_failure < func.now() - text("interval '1 day'"))
            .limit(_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
    )
    .returning(AttemptThrottle.key)
)


async def forget_email_tokens(tx: Transaction, *, rows: int = _ROWS) -> int:
    """Deletes up to `rows` tokens of mails that have expired. Returns how many."""
    return len(await tx.fetch(_FORGET_TOKENS, rows=rows))


async def forget_failures(tx: Transaction, *, rows: int = _ROWS) -> int:
    """Deletes up to `rows` counts of failed attempts that are more than a day old. Returns how many."""
    return len(await tx.fetch(_FORGET_FAILURES, rows=rows))


async def forget_sessions(
    tx: Transaction, *, after: UUID = BEGINNING, rows: int = _ROWS
) -> tuple[int, UUID | None]:
    """Deletes the sessions that ended more than a day ago among the next `rows` beyond the id `after`.

    Returns how many those were, and the id to go on from; None when there are no more.
    """
    (step,) = await tx.fetch(_STEP, after=after, rows=rows)
    return step["forgotten"], step["last"] if step["seen"] == rows else None
