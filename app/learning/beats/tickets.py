"""Progress tickets: in a body where a browser can send no header. One says whose progress it is, and is good for nothing else.

The account, the session and the end of the ticket under a keyed hash; the secret comes from the signing keys.
"""

import binascii
import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Final
from uuid import UUID

from app.identity.actor import Actor
from app.identity.errors import InvalidAccessToken
from app.identity.tokens.signing_keys import SigningKeys

LIFETIME: Final = 900
"""Seconds, as of an access token; each answer to one brings a new ticket."""
_PURPOSE: Final = "lectern progress ticket v1"
_NUMBER, _SESSION, _HASH = 8, 16, 32
_CHARACTERS = 86
_NO_SESSION = bytes(_SESSION)


class ProgressTickets:
    """The first signing key makes, all recognise."""

    def __init__(self, signing_keys: SigningKeys, *, clock: Callable[[], float] = time.time) -> None:
        self._secrets = signing_keys.derived(_PURPOSE)
        self._clock = clock

    def make(self, actor: Actor) -> str:
        """For somebody who is signed in."""
        assert actor.user_id is not None
        session = actor.session_id.bytes if actor.session_id else _NO_SESSION
        named = actor.user_id.to_bytes(_NUMBER) + session + int(self._clock() + LIFETIME).to_bytes(_NUMBER)
        return urlsafe_b64encode(named + hmac.digest(self._secrets[0], named, "sha256")).rstrip(b"=").decode()

    def read(self, ticket: str) -> Actor:
        """Whose progress it is; an actor without any role. Raises InvalidAccessToken for what we made not, or too long ago."""
        try:
            raw = urlsafe_b64decode(ticket + "==") if len(ticket) == _CHARACTERS and ticket.isascii() else b""
        except binascii.Error:
            raw = b""
        named, signature = raw[:-_HASH], raw[-_HASH:]
        # All are compared: how long it takes tells nothing. One spelling only: the decoder skips what it does not know.
        genuine = [
            hmac.compare_digest(hmac.digest(secret, named, "sha256"), signature) for secret in self._secrets
        ]
        if not any(genuine) or urlsafe_b64encode(raw).rstrip(b"=").decode() != ticket:
            raise InvalidAccessToken("The ticket is not valid.")
        if int.from_bytes(named[-_NUMBER:]) <= self._clock():
            raise InvalidAccessToken("The ticket has expired.")
        session = named[_NUMBER:-_NUMBER]
        return Actor(
            user_id=int.from_bytes(named[:_NUMBER]),
            session_id=None if session == _NO_SESSION else UUID(bytes=session),
        )
