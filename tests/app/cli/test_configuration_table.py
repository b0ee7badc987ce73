import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from app import settings
from app.cli import configuration_table
from app.cli.configuration_table import DOCUMENT, renewed, table

ROOT = Path(__file__).parents[3]


def test_the_document_is_of_today() -> None:
    text = DOCUMENT.read_text()
    assert renewed(text) == text, "run `python -m app.cli.configuration_table`"


def test_every_group_and_setting_has_its_row() -> None:
    assert set(BaseSettings.__subclasses__()) >= set(settings.GROUPS)
    ours = {group for group in BaseSettings.__subclasses__() if group.__module__.startswith("app.settings")}
    assert ours == set(settings.GROUPS)
    lines = table().splitlines()
    assert len(lines) == 2 + sum(1 for _ in settings.variables())
    assert "| `LECTERN_HTTP_PORT` | `8000` | >= 1, <= 65535 |" in table()
    assert "| `LECTERN_MODE` | `production` | `development`, `production` |" in table()


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in settings.variables() if not field.description] == []


def test_documents_name_no_setting_that_is_not_there() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
    named = {
        (page.name, name)
        for page in pages
        for name in re.findall(r"LECTERN_[A-Z_]*[A-Z]\b", page.read_text())
    }
    known = {name for name, _ in settings.variables()}
    assert len(named) > 50
    assert [(page, name) for page, name in named if name not in known] == []


@pytest.mark.parametrize(
    ("name", "value"), [("LECTERN_HTTP_PORT", "8123"), ("LECTERN_AUDIENCE", "elsewhere")]
)
def test_the_names_are_those_that_are_read(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert name in dict(settings.variables())
    monkeypatch.setenv(name, value)
    assert value in repr(settings.Settings())


def test_misspelt_variables_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTERN_HTTP_PORT", "8123")
    monkeypatch.setenv("LECTERN_HTP_PORT", "8123")
    assert "LECTERN_HTP_PORT" in settings.unknown_variables()
    assert "LECTERN_HTTP_PORT" not in settings.unknown_variables()


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the marks"):
        renewed("# Operations\n")


def test_the_check_tells_an_old_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "operations.md"
    document.write_text(DOCUMENT.read_text().replace("| `8000` |", "| `80` |"))
    monkeypatch.setattr(configuration_table, "DOCUMENT", document)
    monkeypatch.setattr(sys, "argv", ["", "--check"])
    with pytest.raises(SystemExit, match="older than"):
        configuration_table.main()
    assert "| `80` |" in document.read_text()
    monkeypatch.setattr(sys, "argv", [""])
    configuration_table.main()
    assert document.read_text() == DOCUMENT.read_text()


def test_the_command_runs() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "app.cli.configuration_table", "--check"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")
