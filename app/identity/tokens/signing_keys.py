"""The keys that sign access tokens: Ed25519 or P-256, several at a time, so that they change without a gap.

The first key signs, all verify. `lectern keys --help` says how to rotate them.
"""

from dataclasses import dataclass
from typing import Any, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from app.identity.errors import SigningKeyError
from app.identity.tokens import key_sets
from app.identity.tokens.key_sets import Algorithm, KeySet
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key pair and the only algorithm that it may be used with."""

    kid: str
    algorithm: Algorithm
    private_key: Ed25519PrivateKey | EllipticCurvePrivateKey
    public_key: Ed25519PublicKey | EllipticCurvePublicKey

    @classmethod
    def parse(cls, kid: str, pem: str) -> Self:
        """From an unencrypted PEM private key. Raises SigningKeyError."""
        try:
            private_key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise SigningKeyError(f"The signing key {kid} is not an unencrypted PEM private key.") from None
        if isinstance(private_key, Ed25519PrivateKey):
            return cls(kid, Algorithm.EDDSA, private_key, private_key.public_key())
        if isinstance(private_key, EllipticCurvePrivateKey) and isinstance(private_key.curve, SECP256R1):
            return cls(kid, Algorithm.ES256, private_key, private_key.public_key())
        raise SigningKeyError(f"The signing key {kid} is neither Ed25519 nor P-256.")

    def derived(self, purpose: str) -> bytes:
        """A secret of 32 bytes for another use: it tells nothing of this key, nor of those of other purposes."""
        if isinstance(self.private_key, Ed25519PrivateKey):
            secret = self.private_key.private_bytes_raw()
        else:
            secret = self.private_key.private_numbers().private_value.to_bytes(32)
        return HKDF(hashes.SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret)

    def jwk(self) -> dict[str, Any]:
        """The public half as a JSON Web Key (RFC 7517, RFC 8037)."""
        members: dict[str, Any]
        if isinstance(self.public_key, Ed25519PublicKey):
            members = dict(OKPAlgorithm.to_jwk(self.public_key, as_dict=True))
        else:
            members = dict(ECAlgorithm.to_jwk(self.public_key, as_dict=True))
        # Chosen by name: whatever else a version of the library adds stays here.
        public: dict[str, Any] = {name: members[name] for name in ("kty", "crv", "x", "y") if name in members}
        return {**public, "kid": self.kid, "use": "sig", "alg": str(self.algorithm)}


class SigningKeys:
    """Keys in order, at least one."""

    def __init__(self, keys: KeySet) -> None:
        """Raises SigningKeyError for an empty set, or for a key that does not fit."""
        if not keys:
            raise SigningKeyError("There is no signing key.")
        self._keys = {kid: SigningKey.parse(kid, pem) for kid, pem in keys.items()}
        self._jwks = {"keys": [key.jwk() for key in self._keys.values()]}

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """From the settings; in development without any, from a file in the home folder, made when missing.

        Raises SigningKeyError.
        """
        text = settings.authentication.signing_keys.get_secret_value().strip()
        file = settings.authentication.signing_keys_file
        if text and file is not None:
            raise SigningKeyError("Set either LECTERN_SIGNING_KEYS or LECTERN_SIGNING_KEYS_FILE, not both.")
        if text:
            return cls(key_sets.parse(text, source="LECTERN_SIGNING_KEYS"))
        if file is not None:
            return cls(key_sets.read(file))
        if settings.development:
            return cls(key_sets.read_or_create(settings.home / "signing_keys.json"))
        raise SigningKeyError(
            "There are no signing keys: `lectern keys generate --file FILE` makes LECTERN_SIGNING_KEYS_FILE."
        )

    @property
    def current(self) -> SigningKey:
        """The key that signs."""
        return next(iter(self._keys.values()))

    def derived(self, purpose: str) -> tuple[bytes, ...]:
        """A secret of 32 bytes from each key, in the keys' order."""
        return tuple(key.derived(purpose) for key in self._keys.values())

    def get(self, kid: str) -> SigningKey | None:
        """The key of that name, if tokens that it signed are still accepted."""
        return self._keys.get(kid)

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JSON Web Key Set, for /.well-known/jwks.json."""
        return self._jwks
