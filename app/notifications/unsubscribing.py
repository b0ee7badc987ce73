"""The links in mails that end more of them (RFC 8058): whoever has the mail may, without signing in.

A token names an account and what it ends, under a keyed hash; the secret comes from the signing keys. It ends with the key
that made it, and can do nothing but this.
"""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from app.identity.tokens.signing_keys import SigningKeys
from app.notifications.errors import InvalidUnsubscribeToken

DIGEST = "digest"
"""What a digest's link ends; that of another mail names its kind."""
_PURPOSE = "lectern unsubscribe token v1"
_NUMBER, _HASH = 8, 32
_LONGEST = 300


class UnsubscribeTokens:
    """The first signing key makes, all recognise."""

    def __init__(self, signing_keys: SigningKeys) -> None:
        self._secrets = signing_keys.derived(_PURPOSE)

    def make(self, user_id: int, scope: str) -> str:
        """`scope` is a kind, or DIGEST."""
        named = user_id.to_bytes(_NUMBER) + scope.encode()
        return urlsafe_b64encode(hmac.digest(self._secrets[0], named, "sha256") + named).rstrip(b"=").decode()

    def read(self, token: str) -> tuple[int, str]:
        """(user_id, scope). Raises InvalidUnsubscribeToken for what none of our keys made."""
        if len(token) > _LONGEST or not token.isascii():
            raise InvalidUnsubscribeToken
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except binascii.Error:
            raise InvalidUnsubscribeToken from None
        signature, named = raw[:_HASH], raw[_HASH:]
        # All are compared: how long it takes tells nothing.
        genuine = [
            hmac.compare_digest(hmac.digest(secret, named, "sha256"), signature) for secret in self._secrets
        ]
        if not any(genuine):
            raise InvalidUnsubscribeToken
        return int.from_bytes(named[:_NUMBER]), named[_NUMBER:].decode()
