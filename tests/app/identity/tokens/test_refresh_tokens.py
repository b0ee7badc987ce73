import os
from uuid import UUID, uuid4

import pytest

from app.identity.tokens import key_sets
from app.identity.tokens.key_sets import Algorithm
from app.identity.tokens.refresh_tokens import RefreshToken, RefreshTokens, new_seed, token_hash
from app.identity.tokens.signing_keys import SigningKeys
from app.settings import AuthenticationSettings

OLD, NEW = key_sets.generate(), key_sets.generate(Algorithm.ES256)
SESSION, SEED = uuid4(), new_seed()


def tokens_of(*keys: tuple[str, str]) -> RefreshTokens:
    return RefreshTokens(SigningKeys(dict(keys)), AuthenticationSettings())


def parsed(text: str) -> RefreshToken:
    token = RefreshToken.parse(text)
    assert token is not None
    return token


@pytest.mark.parametrize("key", [OLD, NEW], ids=["Ed25519", "P-256"])
@pytest.mark.parametrize("generation", [1, 2, 2**31 - 1])
def test_a_token_says_what_it_is_and_proves_it(key: tuple[str, str], generation: int) -> None:
    tokens = tokens_of(key)
    token = parsed(tokens.make(SESSION, generation, SEED))
    assert (token.session_id, token.generation) == (SESSION, generation)
    assert tokens.genuine(token, SEED)
    assert len(token.text) == 70


def test_the_same_is_made_again_and_others_differ() -> None:
    tokens = tokens_of(OLD)
    token = tokens.make(SESSION, 1, SEED)
    assert tokens_of(OLD).make(SESSION, 1, SEED) == token
    others = {
        tokens.make(SESSION, 2, SEED),
        tokens.make(uuid4(), 1, SEED),
        tokens.make(SESSION, 1, new_seed()),
        tokens_of(NEW).make(SESSION, 1, SEED),
    }
    assert len({other[-40:] for other in others} | {token[-40:]}) == 5


def test_a_forged_part_is_noticed() -> None:
    tokens = tokens_of(OLD)
    first, second = tokens.make(SESSION, 1, SEED), tokens.make(SESSION, 2, SEED)
    other = tokens.make(UUID(bytes=os.urandom(16)), 1, SEED)
    # 27 characters hold the session's id and the generation, and four bits of the hash: mixed at 28.
    for forged in (second[:28] + first[28:], other[:28] + first[28:], first[:-2] + second[-2:]):
        token = RefreshToken.parse(forged)
        assert token is None or not tokens.genuine(token, SEED)
    assert not tokens.genuine(parsed(first), new_seed())


def test_keys_rotate_without_a_gap() -> None:
    made_by_old = tokens_of(OLD).make(SESSION, 3, SEED)
    assert tokens_of(NEW, OLD).genuine(parsed(made_by_old), SEED)
    assert tokens_of(NEW, OLD).again(SESSION, 3, SEED, token_hash(made_by_old)) == made_by_old
    assert tokens_of(NEW, OLD).make(SESSION, 3, SEED) != made_by_old
    assert not tokens_of(NEW).genuine(parsed(made_by_old), SEED)
    assert tokens_of(NEW).again(SESSION, 3, SEED, token_hash(made_by_old)) is None


VALID = tokens_of(OLD).make(SESSION, 1, SEED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "token",
        VALID[:-1],
        VALID + "A",
        VALID + "==",
        VALID[:-1] + "\u00e4",
        VALID[:-1] + "\x00",
        VALID[:-1] + " ",
        VALID[:-1] + "*",
        " " + VALID,
        "\ud800" * 70,
        VALID * 1000,
    ],
    # The processes that share the tests have to agree on names, and each makes keys of its own.
    ids=[
        "empty",
        "a word",
        "too short",
        "too long",
        "padded",
        "umlaut",
        "null character",
        "space",
        "no base64",
        "shifted",
        "surrogates",
        "much too long",
    ],
)
def test_what_we_never_give_out_has_no_parts(text: str) -> None:
    assert RefreshToken.parse(text) is None


def test_a_token_has_one_spelling() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spellings = [VALID[:-1] + last for last in alphabet]
    same = [text for text in spellings if RefreshToken.parse(text) is not None]
    # The last of 70 characters carries two bits of the hash; its other four are zero.
    assert len(same) == 4
    assert [text for text in same if tokens_of(OLD).genuine(parsed(text), SEED)] == [VALID]


def test_secrets_of_other_uses_differ() -> None:
    keys = SigningKeys(dict([OLD, NEW]))
    assert len({*keys.derived("one"), *keys.derived("another")}) == 4
    assert keys.derived("one") == SigningKeys(dict([OLD, NEW])).derived("one")
    assert {len(secret) for secret in keys.derived("one")} == {32}
