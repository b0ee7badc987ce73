"""A token of a mail names an account and what it ends, and nobody can make one, or change it."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.identity.tokens import key_sets
from app.identity.tokens.signing_keys import SigningKeys
from app.notifications.errors import InvalidUnsubscribeToken
from app.notifications.unsubscribing import DIGEST, UnsubscribeTokens

KEYS = dict([key_sets.generate()])
OTHER = dict([key_sets.generate()])
TOKENS = UnsubscribeTokens(SigningKeys(KEYS))
LETTERS = string.ascii_letters + string.digits + "-_"


@given(st.integers(1, 2**63 - 1), st.sampled_from(["instructor_added", DIGEST]))
def test_it_comes_back(user_id: int, scope: str) -> None:
    token = TOKENS.make(user_id, scope)
    assert TOKENS.read(token) == (user_id, scope)
    assert set(token) <= set(LETTERS)


def test_every_character_counts() -> None:
    token = TOKENS.make(7, "instructor_added")
    for place in range(len(token) - 1):
        changed = "A" if token[place] != "A" else "B"
        with pytest.raises(InvalidUnsubscribeToken):
            TOKENS.read(token[:place] + changed + token[place + 1 :])
    with pytest.raises(InvalidUnsubscribeToken):
        TOKENS.read(token[: len(token) // 2])


@given(st.text())
def test_nothing_else_is_one(text: str) -> None:
    with pytest.raises(InvalidUnsubscribeToken):
        TOKENS.read(text)


def test_keys_rotate() -> None:
    old = TOKENS.make(7, DIGEST)
    rotated = UnsubscribeTokens(SigningKeys({**OTHER, **KEYS}))
    assert rotated.read(old) == (7, DIGEST)
    assert rotated.make(7, DIGEST) != old
    retired = UnsubscribeTokens(SigningKeys(OTHER))
    assert retired.read(rotated.make(7, DIGEST)) == (7, DIGEST)
    with pytest.raises(InvalidUnsubscribeToken):
        retired.read(old)
