"""Refresh tokens: how they are made and read. What they are good for is decided in service/.

A token is the session's id, a generation and a keyed hash of both. So it need not be stored to be given out a second
time, and one that was used long ago is still known as one of ours. The secret comes from the signing keys, the seed
from the session's row: neither the keys nor the database alone makes a token.
"""

import binascii
import hashlib
import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from uuid import UUID

from app.identity.tokens.signing_keys import SigningKeys
from app.settings import AuthenticationSettings

_PURPOSE = "lectern refresh token v1"
_BYTES = 16 + 4 + 32
_CHARACTERS = 70
SEED_BYTES = 16


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """As presented: nothing of it is proven yet."""

    text: str
    session_id: UUID
    generation: int

    @property
    def hash(self) -> bytes:
        return token_hash(self.text)

    @classmethod
    def parse(cls, text: str) -> "RefreshToken | None":
        """The token's parts, or None for what we never give out."""
        if len(text) != _CHARACTERS or not text.isascii():
            return None
        try:
            raw = urlsafe_b64decode(text + "==")
        except binascii.Error:
            return None
        # The last character has bits to spare, and the decoder skips what it does not know: one spelling only.
        if len(raw) != _BYTES or _encoded(raw) != text:
            return None
        return cls(text, UUID(bytes=raw[:16]), int.from_bytes(raw[16:20]))


class RefreshTokens:
    """Makes and recognises them. The first signing key makes, all recognise: keys rotate without signing out."""

    def __init__(self, signing_keys: SigningKeys, settings: AuthenticationSettings) -> None:
        self._secrets = signing_keys.derived(_PURPOSE)
        self.lifetime = float(settings.refresh_token_lifetime)
        self.repeat_window = settings.refresh_repeat_window

    def make(self, session_id: UUID, generation: int, seed: bytes) -> str:
        """The session's token of that generation, 70 characters."""
        return _token(self._secrets[0], session_id, generation, seed)

    def again(self, session_id: UUID, generation: int, seed: bytes, stored: bytes) -> str | None:
        """The token whose hash is `stored`, made anew; None when the key that made it has been retired."""
        for secret in self._secrets:
            token = _token(secret, session_id, generation, seed)
            if hmac.compare_digest(token_hash(token), stored):
                return token
        return None

    def genuine(self, token: RefreshToken, seed: bytes) -> bool:
        """Whether one of our keys made it, for that session."""
        return any(
            hmac.compare_digest(_token(secret, token.session_id, token.generation, seed), token.text)
            for secret in self._secrets
        )


def new_seed() -> bytes:
    return os.urandom(SEED_BYTES)


def token_hash(token: str) -> bytes:
    """What is stored of a token, 32 bytes. It holds 256 bits of a keyed hash: guessing needs no slowing down."""
    return hashlib.sha256(token.encode()).digest()


def _token(secret: bytes, session_id: UUID, generation: int, seed: bytes) -> str:
    named = session_id.bytes + generation.to_bytes(4)
    return _encoded(named + hmac.digest(secret, named + seed, "sha256"))


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
