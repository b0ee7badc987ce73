"""Secrets that come from files; tests/app/cli/test_configuration_table.py has names and documents."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from app import settings
from app.settings import DatabaseSettings, RedisSettings, Settings, wrong_values

SECRETS = [
    ("LECTERN_DATABASE_URL", "postgresql://ann:secret@db/lectern", lambda: Settings().database.url),
    ("LECTERN_REDIS_URL", "redis://:secret@redis:6379/0", lambda: Settings().redis.url),
]


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LECTERN_")]:
        monkeypatch.delenv(name)


def refusal(build) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        build()
    assert "secret" not in str(wrong_values(caught.value))
    return wrong_values(caught.value)


def test_every_address_and_key_can_be_a_file() -> None:
    """A new setting that carries a password is either marked as a secret or listed here as none."""
    names = dict(settings.variables())
    harmless = {"LECTERN_PUBLIC_URL", "LECTERN_ACCOUNT_URL", "LECTERN_STORAGE_URL"}
    for name in names.keys() - harmless:
        if name.endswith(("_URL", "_KEY", "_KEYS", "_PASSWORD", "_SECRET")):
            assert f"{name}_FILE" in names, name


@pytest.mark.parametrize(("name", "value", "read"), SECRETS)
def test_a_secret_is_read_from_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, read
) -> None:
    (tmp_path / "secret").write_text(f"{value}\n")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "secret"))
    assert read() == value
    assert settings.unknown_variables() == []
    monkeypatch.setenv(name, "")  # as a compose file leaves a variable that nobody has set
    assert read() == value


@pytest.mark.parametrize(("name", "value", "read"), SECRETS)
def test_both_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, read
) -> None:
    (tmp_path / "secret").write_text(value)
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv(name, value)
    assert refusal(read) == [f"Set either {name} or {name}_FILE, not both."]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory."),
        (b"secret \xff", "cannot be read: it is not UTF-8."),
        (b"\n", "is empty."),
    ],
)
def test_a_file_that_cannot_be_used_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    monkeypatch.setenv("LECTERN_DATABASE_URL_FILE", str(tmp_path / "file"))
    assert refusal(DatabaseSettings) == [f"The file of LECTERN_DATABASE_URL_FILE {reason}"]


def test_what_a_program_says_itself_counts_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("redis://elsewhere")
    monkeypatch.setenv("LECTERN_REDIS_URL_FILE", str(tmp_path / "secret"))
    assert RedisSettings(url="redis://here").url == "redis://here"


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value, _ in SECRETS:
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LECTERN_SIGNING_KEYS", "a secret")
    # A setting is called so; no value is.
    assert "secret" not in repr(Settings()).replace("secret_access_key", "")
