import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.identity.actor import Actor
from app.identity.errors import InvalidAccessToken
from app.identity.models import Role
from app.identity.tokens import access_tokens as module
from app.identity.tokens import key_sets
from app.identity.tokens.access_tokens import AccessTokens
from app.identity.tokens.key_sets import Algorithm
from app.identity.tokens.signing_keys import SigningKeys
from app.settings import AuthenticationSettings

ED, P256 = key_sets.generate(), key_sets.generate(Algorithm.ES256)
KEYS = SigningKeys(dict([ED, P256]))
SETTINGS = AuthenticationSettings(public_url="https://lectern.test", clock_skew=30)
LEEWAY = SETTINGS.clock_skew


@pytest.fixture
def access_tokens() -> AccessTokens:
    return AccessTokens(KEYS, SETTINGS)


def claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    valid = {
        "iss": "https://lectern.test",
        "aud": "lectern",
        "sub": "7",
        "role": "student",
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(minutes=15),
        "jti": "0" * 32,
    }
    return {name: value for name, value in {**valid, **changes}.items() if value is not ...}


def signed(body: dict[str, Any], kid: str = ED[0], **header: Any) -> str:
    key = KEYS.get(kid) or KEYS.current
    headers = {"kid": kid, "typ": "at+jwt", **header}
    return jwt.encode(body, key.private_key, algorithm=key.algorithm, headers=headers)


def segment(value: Any) -> str:
    return (
        base64.urlsafe_b64encode(json.dumps(value, default=lambda at: int(at.timestamp())).encode())
        .rstrip(b"=")
        .decode()
    )


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("kid", [ED, P256], ids=["EdDSA", "ES256"])
def test_what_is_issued_is_verified(kid: tuple[str, str], role: Role) -> None:
    access_tokens = AccessTokens(SigningKeys(dict([kid])), SETTINGS)
    now = datetime.now(UTC)
    issued = access_tokens.issue(2**63 - 1, role, now=now)
    assert access_tokens.verify(issued.token) == Actor(user_id=2**63 - 1, role=role)
    assert issued.expires_at == now.replace(microsecond=0) + timedelta(seconds=900)
    assert len(issued.token) < 500


def test_the_session_is_in_the_token(access_tokens: AccessTokens) -> None:
    session_id = uuid4()
    issued = access_tokens.issue(7, Role.STUDENT, session_id)
    assert access_tokens.verify(issued.token) == Actor(7, Role.STUDENT, session_id)
    assert len(issued.token) < 550


def test_the_claims_that_others_rely_on(access_tokens: AccessTokens) -> None:
    first, second = access_tokens.issue(7, Role.ADMIN).token, access_tokens.issue(7, Role.ADMIN).token
    body = jwt.decode(first, KEYS.current.public_key, algorithms=["EdDSA"], audience="lectern")
    assert sorted(body) == ["aud", "exp", "iat", "iss", "jti", "nbf", "role", "sub"]
    assert (body["iss"], body["sub"], body["role"]) == ("https://lectern.test", "7", "admin")
    assert body["exp"] - body["iat"] == 900
    assert jwt.get_unverified_header(first) == {"alg": "EdDSA", "kid": ED[0], "typ": "at+jwt"}
    assert body["jti"] != jwt.decode(second, options={"verify_signature": False})["jti"]


def test_the_key_set_that_is_published_verifies(access_tokens: AccessTokens) -> None:
    token = access_tokens.issue(7, Role.STUDENT).token
    published = jwt.PyJWKSet.from_dict(KEYS.jwks())
    key = published[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, algorithms=["EdDSA"], audience="lectern")["sub"] == "7"


def test_the_helper_makes_valid_tokens(access_tokens: AccessTokens) -> None:
    assert access_tokens.verify(signed(claims())).user_id == 7
    assert access_tokens.verify(signed(claims(), P256[0])).user_id == 7


PAST, FUTURE = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
OTHER_KEY = SigningKeys(dict([key_sets.generate()])).current.private_key


def public_pem() -> bytes:
    return KEYS.current.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def with_hmac_of_the_public_key() -> str:
    # By hand: the library refuses to make it.
    signing_input = f"{segment({'alg': 'HS256', 'typ': 'at+jwt', 'kid': ED[0]})}.{segment(claims())}"
    signature = hmac.new(public_pem(), signing_input.encode(), hashlib.sha256).digest()
    return f"{signing_input}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def with_rsa() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return jwt.encode(claims(), key, algorithm="RS256", headers={"kid": ED[0], "typ": "at+jwt"})


def tampered() -> str:
    header, _, signature = signed(claims()).split(".")
    return f"{header}.{segment(claims(role='admin'))}.{signature}"


def without(name: str) -> str:
    return signed(claims(**{name: ...}))


FORGED: dict[str, Callable[[], str]] = {
    "alg none": lambda: jwt.encode(claims(), "", algorithm="none", headers={"kid": ED[0], "typ": "at+jwt"}),
    "alg none, spelt otherwise": lambda: (
        f"{segment({'alg': 'nOnE', 'typ': 'at+jwt', 'kid': ED[0]})}.{segment(claims())}."
    ),
    "HMAC with the public key": with_hmac_of_the_public_key,
    "RS256": with_rsa,
    "another key under our kid": lambda: jwt.encode(
        claims(), OTHER_KEY, algorithm="EdDSA", headers={"kid": ED[0], "typ": "at+jwt"}
    ),
    "our key under the other kid": lambda: jwt.encode(
        claims(), KEYS.current.private_key, algorithm="EdDSA", headers={"kid": P256[0], "typ": "at+jwt"}
    ),
    "unknown kid": lambda: signed(claims(), "unknown"),
    "kid is no text": lambda: signed(claims()).replace(
        signed(claims()).split(".")[0], segment({"alg": "EdDSA", "typ": "at+jwt", "kid": [1]})
    ),
    "no kid": lambda: jwt.encode(
        claims(), KEYS.current.private_key, algorithm="EdDSA", headers={"typ": "at+jwt"}
    ),
    "another type of token": lambda: signed(claims(), typ="JWT"),
    "critical extension": lambda: signed(claims(), crit=["exp2"], exp2=1),
    "changed claims": tampered,
    "signature cut off": lambda: signed(claims()).rsplit(".", 1)[0] + ".",
    "another issuer": lambda: signed(claims(iss="https://elsewhere.test")),
    "another audience": lambda: signed(claims(aud="elsewhere")),
    "several audiences": lambda: signed(claims(aud=["lectern", "elsewhere"])),
    "valid later": lambda: signed(claims(nbf=FUTURE)),
    "issued later": lambda: signed(claims(iat=FUTURE)),
    "expired": lambda: signed(claims(exp=PAST)),
    "expiry is no number": lambda: signed(claims(exp="soon")),
    "subject is no number": lambda: signed(claims(sub="ann")),
    "subject is negative": lambda: signed(claims(sub="-7")),
    "subject is zero": lambda: signed(claims(sub="0")),
    "subject beyond bigint": lambda: signed(claims(sub=str(2**63))),
    "subject in other digits": lambda: signed(claims(sub="\u0667")),
    "subject of 5,000 digits": lambda: signed(claims(sub="7" * 2_500)),
    "unknown role": lambda: signed(claims(role="root")),
    "role is no text": lambda: signed(claims(role=["admin"])),
    "session is no UUID": lambda: signed(claims(sid="7")),
    "session is no text": lambda: signed(claims(sid=7)),
    "identifier is no text": lambda: signed(claims(jti=7)),
    **{
        f"no {name}": partial(without, name)
        for name in ("iss", "aud", "sub", "role", "iat", "nbf", "exp", "jti")
    },
    "empty": lambda: "",
    "one word": lambda: "token",
    "two dots": lambda: "..",
    "not base64": lambda: "ä.ö.ü",
    "surrogate": lambda: "\ud800.a.b",
    "header is a list": lambda: f"{segment([1])}.{segment(claims())}.aa",
    "claims are a list": lambda: jwt.api_jws.encode(
        b"[1]", KEYS.current.private_key, algorithm="EdDSA", headers={"kid": ED[0], "typ": "at+jwt"}
    ),
    "deep header": lambda: f"{base64.urlsafe_b64encode(b'[' * 3000).decode()}.a.b",
    "too long": lambda: signed(claims(padding="x" * 5_000)),
}


@pytest.mark.parametrize("make", FORGED.values(), ids=FORGED)
def test_what_proves_nothing_is_refused(make: Any, access_tokens: AccessTokens) -> None:
    token = make()
    for _attempt in range(2):  # a refusal is not remembered as a success
        with pytest.raises(InvalidAccessToken):
            access_tokens.verify(token)


def test_a_token_ends_with_the_skew_after_its_expiry(access_tokens: AccessTokens) -> None:
    now = datetime.now(UTC)
    assert access_tokens.verify(signed(claims(exp=now - timedelta(seconds=LEEWAY - 10)))).user_id == 7
    with pytest.raises(InvalidAccessToken, match="expired"):
        access_tokens.verify(signed(claims(exp=now - timedelta(seconds=LEEWAY + 10))))


def test_clocks_may_differ_by_the_skew(access_tokens: AccessTokens) -> None:
    ahead = datetime.now(UTC) + timedelta(seconds=LEEWAY - 10)
    assert access_tokens.verify(signed(claims(iat=ahead, nbf=ahead))).user_id == 7


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC).timestamp()

    def __call__(self) -> float:
        return self.now


def test_a_remembered_token_expires_all_the_same() -> None:
    clock = Clock()
    access_tokens = AccessTokens(KEYS, SETTINGS, clock=clock)
    issued = access_tokens.issue(7, Role.STUDENT)
    access_tokens.verify(issued.token)
    clock.now = issued.expires_at.timestamp() + LEEWAY - 1
    assert access_tokens.verify(issued.token).user_id == 7
    clock.now += 1
    with pytest.raises(InvalidAccessToken, match="expired"):
        access_tokens.verify(issued.token)
    assert not access_tokens._verified


def test_a_token_is_verified_once(access_tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    verifications = []
    decode = jwt.decode

    def counted(*arguments: Any, **options: Any) -> Any:
        verifications.append(arguments)
        return decode(*arguments, **options)

    monkeypatch.setattr(jwt, "decode", counted)
    token = access_tokens.issue(7, Role.STUDENT).token
    assert len({access_tokens.verify(token) for _ in range(5)}) == 1
    assert len(verifications) == 1


def test_the_memory_is_bounded_and_forgets_the_least_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_SIZE", 3)
    access_tokens = AccessTokens(KEYS, SETTINGS)
    a, b, c, d = (access_tokens.issue(number, Role.STUDENT).token for number in range(1, 5))
    for token in (a, b, c, a, d):
        access_tokens.verify(token)
    assert set(access_tokens._verified) == {c, a, d}


def test_without_a_public_address_the_issuer_is_lectern() -> None:
    access_tokens = AccessTokens(KEYS, AuthenticationSettings())
    token = access_tokens.issue(7, Role.STUDENT).token
    assert jwt.decode(token, options={"verify_signature": False})["iss"] == "lectern"
    assert access_tokens.verify(token).user_id == 7
