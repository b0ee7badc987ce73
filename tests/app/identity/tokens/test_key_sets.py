import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.identity.errors import SigningKeyError
from app.identity.tokens import key_sets
from app.identity.tokens.signing_keys import SigningKeys


@pytest.mark.parametrize("algorithm", key_sets.Algorithm)
def test_a_generated_key_is_usable(algorithm: key_sets.Algorithm) -> None:
    kid, pem = key_sets.generate(algorithm)
    assert SigningKeys({kid: pem}).current.algorithm is algorithm


def test_text_form_keeps_the_order() -> None:
    keys = {"z": "first", "a": "second"}
    assert list(key_sets.parse(key_sets.dump(keys), source="here")) == ["z", "a"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "must be a JSON object"),
        ('["a"]', "must be a JSON object"),
        ('"secret"', "must be a JSON object"),
        ("7", "must be a JSON object"),
        ("{}", "holds no key"),
        ('{"a b": "secret"}', "name is not"),
        ('{"": "secret"}', "name is not"),
        ('{"a": 7}', "not text"),
        ('{"a": {"b": "secret"}}', "not text"),
        ('{"a": "secret", "a": "secret"}', "two keys of one name"),
    ],
)
def test_bad_text_is_refused_without_quoting_it(text: str, reason: str) -> None:
    with pytest.raises(SigningKeyError, match=reason) as refusal:
        key_sets.parse(text, source="LECTERN_SIGNING_KEYS")
    assert "LECTERN_SIGNING_KEYS" in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_missing_or_unreadable_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyError, match="cannot be read: No such file"):
        key_sets.read(tmp_path / "none.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(SigningKeyError, match="UTF-8"):
        key_sets.read(tmp_path / "binary")


def test_a_written_file_is_private_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key_sets.write(path, {"a": "1"})
    key_sets.write(path, {"b": "2"})
    assert json.loads(path.read_text()) == {"b": "2"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_programs_that_start_together_get_one_key(tmp_path: Path) -> None:
    path = tmp_path / "home" / "keys.json"
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(key_sets.read_or_create, [path] * 64))
    assert len({key_sets.dump(keys) for keys in found}) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SigningKeyError, match="cannot be used"):
        key_sets.read_or_create(tmp_path / "file" / "keys.json")
