"""The command itself; tests/app/cli/test_examination.py has a test for each problem."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.examination import CHECKS
from app.identity.tokens import key_sets
from tests.support.mail_server import mail_server
from tests.support.programs import ROOT, installed, lectern


@pytest.fixture
def variables(database_url: str, keeping_redis_url: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    with mail_server() as (smtp_url, _):
        yield _healthy(database_url, keeping_redis_url, smtp_url, tmp_path)


def _healthy(database_url: str, redis_url: str, smtp_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "LECTERN_SMTP_URL": smtp_url,
        "LECTERN_DATABASE_URL": database_url,
        "LECTERN_REDIS_URL": redis_url,
        "LECTERN_PUBLIC_URL": "https://learn.example",
        "LECTERN_SIGNING_KEYS": key_sets.dump(dict([key_sets.generate()])),
        "LECTERN_STORAGE_URL": (tmp_path / "files").as_uri(),
        "LECTERN_HTTP_BACKLOG": "10",
        "LECTERN_HOME": str(tmp_path / "unused"),
    }


def test_all_is_well(variables: dict[str, str], tmp_path: Path) -> None:
    result = lectern("doctor", **variables)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"All is well: {', '.join(CHECKS)}.\n"
    as_json = installed("doctor", "--json", **variables)
    assert (as_json.returncode, json.loads(as_json.stdout)) == (0, {"ok": True, "problems": []})
    assert not (tmp_path / "unused").exists()


def test_problems_are_a_sentence_and_a_remedy_each(variables: dict[str, str]) -> None:
    variables |= {"LECTERN_PUBLIC_URL": "", "LECTERN_DATABASE_POOL_SIZE": "90"}
    result = lectern("doctor", "--processes", "2", **variables)
    assert (result.returncode, result.stderr) == (1, "")
    lines = result.stdout.splitlines()
    assert len(lines) == 4
    assert lines[0] == "settings: LECTERN_PUBLIC_URL is not set."
    assert lines[2].startswith("pool: 2 processes x 90 connections")
    assert all(line.startswith("    ") for line in lines[1::2])

    as_json = lectern("doctor", "--processes", "2", "--json", **variables)
    answer = json.loads(as_json.stdout)
    assert (as_json.returncode, answer["ok"]) == (1, False)
    assert [problem["check"] for problem in answer["problems"]] == ["settings", "pool"]
    assert all(set(problem) == {"check", "problem", "remedy"} for problem in answer["problems"])


def test_a_value_that_does_not_fit_is_a_problem_not_a_crash(variables: dict[str, str]) -> None:
    result = lectern("doctor", "--json", **variables, LECTERN_HTTP_PORT="many")
    assert result.returncode == 1
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem["problem"].startswith("LECTERN_HTTP_PORT does not fit: ")


def test_the_document_lists_every_check() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    cells = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert set(CHECKS) <= {name for cell in cells for name in cell.split(", ")}
