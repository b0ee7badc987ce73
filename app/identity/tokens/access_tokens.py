"""Access tokens: who somebody is and in which role, signed, valid for minutes, checked without SQL."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt

from app.identity.actor import Actor
from app.identity.errors import InvalidAccessToken
from app.identity.models import Role
from app.identity.tokens.signing_keys import SigningKeys
from app.settings import AuthenticationSettings

TOKEN_TYPE = "at+jwt"  # noqa: S105 - RFC 9068: no other kind of token that we may sign one day passes for this one
MAX_TOKEN_BYTES = 4096
"""Ours have about 400; what is longer is not worth parsing."""
CACHE_SIZE = 10_000
"""About 10 MB; an Ed25519 verification costs 100 microseconds, and a client sends one token many times."""
_CLAIMS = ["iss", "aud", "sub", "role", "iat", "nbf", "exp", "jti"]
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class AccessToken:
    token: str
    expires_at: datetime


class AccessTokens:
    """Issues and verifies. One instance per process; the cache of verified tokens is its own."""

    def __init__(
        self,
        signing_keys: SigningKeys,
        settings: AuthenticationSettings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = signing_keys
        self._issuer = settings.public_url or "lectern"
        self._audience = settings.audience
        self._lifetime = settings.access_token_lifetime
        self._skew = settings.clock_skew
        self._clock = clock
        self._verified: OrderedDict[str, tuple[Actor, int]] = OrderedDict()

    def issue(
        self, user_id: int, role: Role, session_id: UUID | None = None, *, now: datetime | None = None
    ) -> AccessToken:
        """A token of `access_token_lifetime` seconds from `now`, signed by the current key."""
        issued_at = (now or datetime.now(UTC)).replace(microsecond=0)
        expires_at = issued_at + timedelta(seconds=self._lifetime)
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "role": str(role),
            "iat": issued_at,
            "nbf": issued_at,
            "exp": expires_at,
            "jti": uuid4().hex,
        }
        if session_id is not None:
            claims["sid"] = str(session_id)
        key = self._keys.current
        headers = {"kid": key.kid, "typ": TOKEN_TYPE}
        return AccessToken(
            jwt.encode(claims, key.private_key, algorithm=key.algorithm, headers=headers), expires_at
        )

    def verify(self, token: str) -> Actor:
        """Who the token speaks for. Raises InvalidAccessToken."""
        if (hit := self._verified.get(token)) is not None:
            actor, expires_at = hit
            if self._clock() >= expires_at + self._skew:
                del self._verified[token]
                raise InvalidAccessToken("The access token has expired.")
            self._verified.move_to_end(token)
            return actor
        actor, expires_at = self._verify(token)
        self._verified[token] = (actor, expires_at)
        if len(self._verified) > CACHE_SIZE:
            self._verified.popitem(last=False)
        return actor

    def _verify(self, token: str) -> tuple[Actor, int]:
        if len(token) > MAX_TOKEN_BYTES:
            raise InvalidAccessToken("The access token is too long.")
        try:
            claims = self._claims(token)
            return _actor(claims), int(claims["exp"])
        except jwt.ExpiredSignatureError:
            raise InvalidAccessToken("The access token has expired.") from None
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            # Which check failed is our log's business at most: the answer must not help to forge.
            raise InvalidAccessToken("The access token is not valid.") from None

    def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        key = self._keys.get(header.get("kid", ""))
        # The key decides the algorithm, never the token: `none` and an HMAC over the public key fail here.
        if key is None or header.get("alg") != key.algorithm or header.get("typ") != TOKEN_TYPE:
            raise jwt.InvalidTokenError
        claims: dict[str, Any] = jwt.decode(
            token,
            key.public_key,
            algorithms=[key.algorithm],
            audience=self._audience,
            issuer=self._issuer,
            leeway=self._skew,
            options={"require": _CLAIMS, "strict_aud": True},
        )
        return claims


def _actor(claims: dict[str, Any]) -> Actor:
    subject, role, identifier = claims["sub"], claims["role"], claims["jti"]
    well_formed = (
        isinstance(subject, str)
        and subject.isascii()
        and subject.isdigit()
        and len(subject) <= 19
        and 0 < int(subject) <= _LARGEST_ID
        and isinstance(identifier, str)
        and isinstance(role, str)
        and role in set(Role)
    )
    if not well_formed:
        raise jwt.InvalidTokenError
    # Tokens from before there were sessions carry none. What is no UUID raises, and so is refused.
    session_id = UUID(claims["sid"]) if "sid" in claims else None
    return Actor(user_id=int(subject), role=Role(role), session_id=session_id)
