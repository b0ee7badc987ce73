"""A session goes on: a refresh token is changed for the next one, and each is good for one use.

A used token that comes again within seconds is two tabs or a lost answer: it gets the same successor. Later it means
that somebody holds a copy, and nobody can tell who: the session ends for both.
"""

import hmac
import logging
from datetime import timedelta
from enum import StrEnum

from asyncpg import Record
from sqlalchemy import Interval, Uuid, bindparam, func, select, update

from app.database import Database, Transaction, compiled
from app.errors import RateLimited, Unavailable
from app.identity import reads
from app.identity.actor import Actor
from app.identity.errors import InvalidRefreshToken
from app.identity.models import AuthSession
from app.identity.service.sessions import Grant, end_sessions
from app.identity.throttling.throttle import Throttle
from app.identity.tokens.ended_sessions import EndedSessions
from app.identity.tokens.refresh_tokens import RefreshToken, RefreshTokens, token_hash
from app.telemetry import Metrics

_logger = logging.getLogger(__name__)

_CLOCK = func.clock_timestamp()  # now() is the transaction's beginning, before it waited for the row
_LOCK_SESSION = compiled(
    select(
        AuthSession.user_id,
        AuthSession.seed,
        AuthSession.generation,
        AuthSession.token_hash,
        AuthSession.expires_at,
        (AuthSession.revoked_at.is_(None) & (AuthSession.expires_at > _CLOCK)).label("living"),
        func.extract("epoch", _CLOCK - AuthSession.rotated_at).label("rotated_ago"),
    )
    .where(AuthSession.id == bindparam("id", type_=Uuid))
    .with_for_update()
)
_ROTATE = compiled(
    update(AuthSession)
    .where(AuthSession.id == bindparam("session_id", type_=Uuid))
    .values(
        generation=AuthSession.generation + 1,
        token_hash=bindparam("new_hash"),
        rotated_at=_CLOCK,
        last_used_at=_CLOCK,
        expires_at=_CLOCK + bindparam("lifetime", type_=Interval),
    )
    .returning(AuthSession.expires_at)
)


class _Outcome(StrEnum):
    """Of a refresh, as the metric shows it."""

    SUCCESS = "success"
    REPEATED = "repeated"
    REUSED = "reused"
    INVALID = "invalid"
    """Of a session that has ended, or is forgotten: a school comes back from its holidays with many of these. Or what
    is no token at all: nobody finds one that way, so it does not count against an address either.
    """
    FORGED = "forged"
    """It has the shape of a token of a living session, but we never gave it out."""


async def refresh(
    database: Database,
    metrics: Metrics,
    tokens: RefreshTokens,
    ended: EndedSessions,
    *,
    throttle: Throttle,
    refresh_token: str,
    client_address: str = "",
) -> tuple[Record, Grant]:
    """The account's row (id, name, email, role, created_at) and its session's next token.

    Takes the database itself: the revocation of a reused token's session has to be committed although the refresh
    fails. Raises InvalidRefreshToken, RateLimited, Unavailable.
    """
    addresses = throttle.address("refresh", client_address)
    try:
        await throttle.check(database, addresses)
        outcome, user, grant = await _exchanged(database, tokens, ended, RefreshToken.parse(refresh_token))
    except Unavailable:
        metrics.token_refreshes.labels("unavailable").inc()
        raise
    except RateLimited:
        metrics.token_refreshes.labels("rate_limited").inc()
        raise
    metrics.token_refreshes.labels(outcome).inc()
    if outcome in {_Outcome.REUSED, _Outcome.FORGED}:
        await throttle.count_failure(database, addresses)
    if outcome is _Outcome.REUSED:
        assert user is not None
        _logger.warning(
            "a used refresh token came again: its session was revoked",
            extra={"context": {"event": "refresh_token_reuse", "userId": user["id"]}},
        )
        raise InvalidRefreshToken(reused_from=user["id"])
    if user is None or grant is None:
        raise InvalidRefreshToken
    return user, grant


async def _exchanged(
    database: Database, tokens: RefreshTokens, ended: EndedSessions, presented: RefreshToken | None
) -> tuple[_Outcome, Record | None, Grant | None]:
    if presented is None:
        return _Outcome.INVALID, None, None
    async with database.transaction() as tx:
        session = await tx.fetch_one(_LOCK_SESSION, id=presented.session_id)
        outcome = _judged(tokens, presented, session)
        if session is None or outcome in {_Outcome.INVALID, _Outcome.FORGED}:
            return outcome, None, None
        if outcome is _Outcome.REUSED:
            await end_sessions(tx, ended, Actor(session["user_id"]), presented.session_id)
            grant: Grant | None = None
        elif outcome is _Outcome.SUCCESS:
            grant = await _rotated(tx, tokens, presented, session)
        else:
            grant = _repeated(tokens, presented, session)
        users = await reads.users_by_id(tx, [session["user_id"]])
        return outcome, users[0], grant


def _judged(tokens: RefreshTokens, presented: RefreshToken, session: Record | None) -> _Outcome:
    if session is None or not session["living"]:
        return _Outcome.INVALID
    if presented.generation == session["generation"]:
        # By its hash alone: the key that made it may have been retired since.
        right = hmac.compare_digest(presented.hash, session["token_hash"])
        return _Outcome.SUCCESS if right else _Outcome.FORGED
    # What we never gave out ends nobody's session: its id alone is no secret.
    if presented.generation > session["generation"] or not tokens.genuine(presented, session["seed"]):
        return _Outcome.FORGED
    # Older than that is no tab that lost a race: its successor has been used, and who did so lets nobody else follow.
    newest_but_one = presented.generation == session["generation"] - 1
    recent = newest_but_one and session["rotated_ago"] <= tokens.repeat_window
    return _Outcome.REPEATED if recent else _Outcome.REUSED


async def _rotated(tx: Transaction, tokens: RefreshTokens, presented: RefreshToken, session: Record) -> Grant:
    token = tokens.make(presented.session_id, session["generation"] + 1, session["seed"])
    rows = await tx.fetch(
        _ROTATE,
        session_id=presented.session_id,
        new_hash=token_hash(token),
        lifetime=timedelta(seconds=tokens.lifetime),
    )
    return Grant(presented.session_id, token, rows[0]["expires_at"])


def _repeated(tokens: RefreshTokens, presented: RefreshToken, session: Record) -> Grant | None:
    successor = tokens.again(
        presented.session_id, session["generation"], session["seed"], session["token_hash"]
    )
    return None if successor is None else Grant(presented.session_id, successor, session["expires_at"])
