"""`lectern keys`: each step of a rotation, and what tokens signed before it are worth after it."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli.keys import app
from app.identity.actor import Actor
from app.identity.errors import InvalidAccessToken
from app.identity.models import Role
from app.identity.tokens import key_sets
from app.identity.tokens.access_tokens import AccessTokens
from app.identity.tokens.signing_keys import SigningKeys
from app.settings import AuthenticationSettings
from tests.support.programs import installed

STUDENT = Actor(user_id=7, role=Role.STUDENT)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LECTERN_SIGNING_KEYS", "LECTERN_SIGNING_KEYS_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def succeed(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return list(json.loads(result.stdout))


def refuse(*arguments: str) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    return result.stderr


def restarted(path: Path) -> AccessTokens:
    """A process as it is after a restart: it has read the file anew."""
    return AccessTokens(SigningKeys(key_sets.read(path)), AuthenticationSettings())


def test_generate_makes_a_private_file(path: Path) -> None:
    made = installed("keys", "generate", "--file", str(path), "--json")
    assert (made.returncode, made.stderr) == (0, "")
    listed = json.loads(made.stdout)
    assert [(key["algorithm"], key["signs"]) for key in listed] == [("EdDSA", True)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert restarted(path).issue(7, Role.STUDENT).token
    assert succeed("list", "--file", str(path)) == listed


def test_generate_never_overwrites(path: Path) -> None:
    succeed("generate", "--file", str(path))
    before = path.read_bytes()
    assert "exists already" in refuse("generate", "--file", str(path))
    assert path.read_bytes() == before


def test_generate_without_a_file_prints_a_value_for_the_variable() -> None:
    result = run("generate", "--algorithm", "ES256")
    assert result.exit_code == 0
    keys = SigningKeys(key_sets.parse(result.stdout, source="output"))
    assert keys.current.algorithm == "ES256"


def test_the_file_of_the_settings_is_the_default(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTERN_SIGNING_KEYS_FILE", str(path))
    assert succeed("generate") == succeed("list")
    assert len(succeed("add")) == 2


def test_a_rotation_signs_nobody_out(path: Path) -> None:
    file = ("--file", str(path))
    (old,) = (key["kid"] for key in succeed("generate", *file))
    first = restarted(path)
    signed_before = first.issue(7, Role.STUDENT).token

    # 1. Added: the old key still signs; a process that has restarted, and one that has not, understand each other.
    listed = succeed("add", *file, "--algorithm", "ES256")
    assert [(key["kid"], key["signs"]) for key in listed] == [(old, True), (listed[1]["kid"], False)]
    new = listed[1]["kid"]
    second = restarted(path)
    signed_meanwhile = second.issue(7, Role.STUDENT).token
    assert first.verify(signed_meanwhile) == second.verify(signed_before) == STUDENT

    # 2. Promoted: the new key signs; processes of step 1 verify it, and the old tokens live on.
    listed = succeed("promote", new, *file)
    assert [(key["kid"], key["signs"]) for key in listed] == [(new, True), (old, False)]
    third = restarted(path)
    signed_after = third.issue(7, Role.STUDENT).token
    assert second.verify(signed_after) == STUDENT
    assert [third.verify(token) for token in (signed_before, signed_meanwhile)] == [STUDENT, STUDENT]

    # 3. Retired: what the old key signed is refused, what the new one signed is not.
    _age(path, seconds=3600)
    listed = succeed("retire", old, *file)
    assert [(key["kid"], key["signs"]) for key in listed] == [(new, True)]
    fourth = restarted(path)
    assert fourth.verify(signed_after) == STUDENT
    for token in (signed_before, signed_meanwhile):
        with pytest.raises(InvalidAccessToken):
            fourth.verify(token)
    assert [key["kid"] for key in SigningKeys(key_sets.read(path)).jwks()["keys"]] == [new]


def _age(path: Path, *, seconds: int) -> None:
    changed = path.stat().st_mtime - seconds
    os.utime(path, (changed, changed))


def _two_keys(path: Path) -> tuple[str, str]:
    succeed("generate", "--file", str(path))
    first, second = (key["kid"] for key in succeed("add", "--file", str(path)))
    return first, second


def test_retiring_waits_until_tokens_have_expired(path: Path) -> None:
    _, second = _two_keys(path)
    before = path.read_bytes()
    assert "wait 16 minutes, or give --now" in refuse("retire", second, "--file", str(path))
    assert path.read_bytes() == before
    assert len(succeed("retire", second, "--now", "--file", str(path))) == 1


def test_the_key_that_signs_is_never_retired(path: Path) -> None:
    first, _ = _two_keys(path)
    before = path.read_bytes()
    assert "promote another first" in refuse("retire", first, "--now", "--file", str(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", ["promote", "retire"])
def test_an_unknown_key_changes_nothing(path: Path, command: str) -> None:
    _two_keys(path)
    before = path.read_bytes()
    assert "There is no key unknown" in refuse(command, "unknown", "--file", str(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize("arguments", [("add",), ("promote", "a"), ("retire", "a"), ("list",)])
def test_a_file_that_is_not_there_is_one_sentence(path: Path, arguments: tuple[str, ...]) -> None:
    assert str(path) in refuse(*arguments, "--file", str(path))
    assert "Say which key file" in refuse(*arguments)
    assert not path.exists()


@pytest.mark.parametrize("content", ["nonsense", "{}", '{"a": "no key"}'])
@pytest.mark.parametrize("arguments", [("add",), ("promote", "a"), ("retire", "a"), ("list",)])
def test_a_file_that_holds_no_keys_is_left_alone(
    path: Path, content: str, arguments: tuple[str, ...]
) -> None:
    path.write_text(content)
    refuse(*arguments, "--file", str(path))
    assert path.read_text() == content


def test_no_private_key_is_ever_shown(path: Path) -> None:
    _two_keys(path)
    shown = run("list", "--file", str(path)).output + run("add", "--file", str(path)).output
    assert "PRIVATE" not in shown
    assert "verifies" in shown


def test_the_steps_are_in_the_help() -> None:
    text = run("--help").output
    assert all(word in text for word in ("keys add", "keys promote", "keys retire", "Restart every process"))
