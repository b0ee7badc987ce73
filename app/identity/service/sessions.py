"""Sessions: a sign-in on one device. refreshing.py keeps them alive."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record
from sqlalchemy import BigInteger, Interval, Uuid, bindparam, delete, func, insert, or_, select, text, update

from app.database import Transaction, compiled
from app.identity import reads
from app.identity.actor import Actor
from app.identity.errors import SessionNotFound
from app.identity.models import AuthSession, User
from app.identity.tokens.ended_sessions import EndedSessions
from app.identity.tokens.refresh_tokens import RefreshTokens, new_seed, token_hash

MAX_SESSIONS = 100
"""Living ones of an account: one more ends the one that was used least lately."""
MAX_DEVICE_LENGTH = 200

_OWNER = bindparam("owner", type_=BigInteger)
_LIFETIME = bindparam("lifetime", type_=Interval)
_CLOCK = func.clock_timestamp()  # now() is the transaction's beginning, before it waited for the row
_LIVING = (AuthSession.revoked_at.is_(None), AuthSession.expires_at > func.now())

# One sign-in of an account at a time, so that the number of its sessions is counted right.
_LOCK_USER = compiled(
    select(func.uuidv7(type_=Uuid).label("new_id")).where(User.id == _OWNER).with_for_update(key_share=True)
)
# Longer than any access token lives, so that the processes have heard of every revocation that matters.
_FORGET = compiled(
    delete(AuthSession).where(
        AuthSession.user_id == _OWNER,
        func.least(AuthSession.expires_at, AuthSession.revoked_at) < func.now() - text("interval '1 day'"),
    )
)
_END_SURPLUS = compiled(
    update(AuthSession)
    .where(
        AuthSession.id.in_(
            select(AuthSession.id)
            .where(AuthSession.user_id == _OWNER, *_LIVING)
            .order_by(AuthSession.last_used_at.desc(), AuthSession.id.desc())
            .offset(MAX_SESSIONS - 1)
        )
    )
    .values(revoked_at=_CLOCK)
    .returning(AuthSession.id)
)
_START = compiled(
    insert(AuthSession)
    .values(
        {name: bindparam(name) for name in ("id", "user_id", "seed", "generation", "token_hash", "device")}
        | {"expires_at": func.now() + _LIFETIME}
    )
    .returning(AuthSession.expires_at)
)
_CHOSEN = bindparam("chosen", type_=Uuid)
_KEPT = bindparam("kept", type_=Uuid)
_END = compiled(
    update(AuthSession)
    .where(AuthSession.user_id == _OWNER, or_(_CHOSEN.is_(None), AuthSession.id == _CHOSEN), *_LIVING)
    .values(revoked_at=_CLOCK)
    .returning(*reads.session_columns())
)


_END_OTHERS = compiled(
    update(AuthSession)
    .where(AuthSession.user_id == _OWNER, AuthSession.id.is_distinct_from(_KEPT), *_LIVING)
    .values(revoked_at=_CLOCK)
    .returning(AuthSession.id)
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a client gets of its session: the token for the next refresh."""

    session_id: UUID
    refresh_token: str
    expires_at: datetime


async def start(
    tx: Transaction, tokens: RefreshTokens, ended: EndedSessions, *, user_id: int, user_agent: str
) -> Grant:
    """Signs an account in on one more device. Its surplus sessions end, its old ones are forgotten."""
    locked = await tx.fetch(_LOCK_USER, owner=user_id)
    session_id: UUID = locked[0]["new_id"]
    await tx.fetch(_FORGET, owner=user_id)
    _refuse_tokens_of(tx, ended, await tx.fetch(_END_SURPLUS, owner=user_id))
    seed = new_seed()
    token = tokens.make(session_id, 1, seed)
    rows = await tx.fetch(
        _START,
        id=session_id,
        user_id=user_id,
        seed=seed,
        generation=1,
        token_hash=token_hash(token),
        device=device_of(user_agent),
        lifetime=timedelta(seconds=tokens.lifetime),
    )
    return Grant(session_id, token, rows[0]["expires_at"])


async def end(tx: Transaction, ended: EndedSessions, actor: Actor, *, session_id: UUID) -> Record:
    """Ends a session of the actor's own. Returns its row. Raises SessionNotFound."""
    rows = await end_sessions(tx, ended, actor, session_id)
    if not rows:
        raise SessionNotFound("sessionId")
    return rows[0]


async def log_out(tx: Transaction, ended: EndedSessions, actor: Actor, *, everywhere: bool) -> Record | None:
    """Ends the session that the actor's token came from, or all of theirs. Returns the row of the first, if it lived."""
    if everywhere:
        rows = await end_sessions(tx, ended, actor, None)
        return next((row for row in rows if row["current"]), None)
    if actor.session_id is None:
        raise SessionNotFound
    rows = await end_sessions(tx, ended, actor, actor.session_id)
    return rows[0] if rows else None


def device_of(user_agent: str) -> str | None:
    """What a browser or program calls itself, at most 200 printable characters; None when it says nothing."""
    printable = "".join(character for character in user_agent if character.isprintable())
    return printable.strip()[:MAX_DEVICE_LENGTH] or None


async def end_sessions(
    tx: Transaction, ended: EndedSessions, actor: Actor, session_id: UUID | None
) -> list[Record]:
    """Ends one session of the actor's own, or all. Returns the rows of those that lived."""
    rows = await tx.fetch(_END, owner=actor.user_id, chosen=session_id, current=actor.session_id)
    _refuse_tokens_of(tx, ended, rows)
    return rows


async def end_other_sessions(tx: Transaction, ended: EndedSessions, actor: Actor) -> None:
    """Ends all sessions of the actor's own but the one that asks."""
    _refuse_tokens_of(tx, ended, await tx.fetch(_END_OTHERS, owner=actor.user_id, kept=actor.session_id))


def _refuse_tokens_of(tx: Transaction, ended: EndedSessions, rows: Sequence[Record]) -> None:
    async def refuse() -> None:
        for row in rows:
            ended.add(row["id"])

    if rows:
        tx.after_commit(refuse)
