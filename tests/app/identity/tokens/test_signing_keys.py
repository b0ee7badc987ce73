from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from app.identity.errors import SigningKeyError
from app.identity.tokens import key_sets
from app.identity.tokens.key_sets import Algorithm
from app.identity.tokens.signing_keys import SigningKeys
from app.settings import AuthenticationSettings, Mode, Settings


def settings_with(tmp_path: Path, mode: Mode = Mode.PRODUCTION, **authentication: object) -> Settings:
    return Settings(mode=mode, home=tmp_path, authentication=AuthenticationSettings(**authentication))  # type: ignore[arg-type]


def test_the_first_key_signs(tmp_path: Path) -> None:
    first, second = key_sets.generate(), key_sets.generate(Algorithm.ES256)
    keys = SigningKeys(dict([first, second]))
    assert keys.current.kid == first[0]
    found = keys.get(second[0])
    assert found is not None
    assert found.algorithm == "ES256"
    assert keys.get("unknown") is None


def test_the_key_set_holds_public_members_alone() -> None:
    ed, p256 = key_sets.generate(), key_sets.generate(Algorithm.ES256)
    published = SigningKeys(dict([ed, p256])).jwks()["keys"]
    assert [sorted(key) for key in published] == [
        ["alg", "crv", "kid", "kty", "use", "x"],
        ["alg", "crv", "kid", "kty", "use", "x", "y"],
    ]
    assert [(key["kid"], key["kty"], key["crv"], key["alg"], key["use"]) for key in published] == [
        (ed[0], "OKP", "Ed25519", "EdDSA", "sig"),
        (p256[0], "EC", "P-256", "ES256", "sig"),
    ]


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (_pem(rsa.generate_private_key(65537, 2048)), "neither Ed25519 nor P-256"),
        (_pem(ec.generate_private_key(ec.SECP384R1())), "neither Ed25519 nor P-256"),
        (_pem(ec.generate_private_key(ec.SECP256R1()), b"phrase"), "not an unencrypted PEM private key"),
        (
            ec.generate_private_key(ec.SECP256R1())
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode(),
            "not an unencrypted PEM private key",
        ),
        ("a secret of 32 characters or more!", "not an unencrypted PEM private key"),
        ("", "not an unencrypted PEM private key"),
    ],
    ids=["rsa", "p-384", "encrypted", "public", "shared secret", "empty"],
)
def test_keys_that_do_not_fit_are_refused(pem: str, reason: str) -> None:
    with pytest.raises(SigningKeyError, match=f"The signing key mine is {reason}"):
        SigningKeys({"mine": pem})


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(SigningKeyError, match="no signing key"):
        SigningKeys({})


def test_from_the_variable(tmp_path: Path) -> None:
    kid, pem = key_sets.generate()
    keys = SigningKeys.load(settings_with(tmp_path, signing_keys=key_sets.dump({kid: pem})))
    assert keys.current.kid == kid


def test_from_the_file(tmp_path: Path) -> None:
    kid, pem = key_sets.generate(Algorithm.ES256)
    key_sets.write(tmp_path / "mine.json", {kid: pem})
    keys = SigningKeys.load(settings_with(tmp_path, signing_keys_file=tmp_path / "mine.json"))
    assert keys.current.kid == kid


def test_both_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyError, match="not both"):
        SigningKeys.load(settings_with(tmp_path, signing_keys="{}", signing_keys_file=tmp_path / "mine.json"))


def test_production_never_makes_its_own(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyError, match="There are no signing keys"):
        SigningKeys.load(settings_with(tmp_path))
    assert not list(tmp_path.iterdir())


def test_development_makes_one_and_keeps_it(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, Mode.DEVELOPMENT)
    first = SigningKeys.load(settings)
    assert first.current.algorithm is Algorithm.EDDSA
    assert SigningKeys.load(settings).jwks() == first.jwks()
    assert [path.name for path in tmp_path.iterdir()] == ["signing_keys.json"]
