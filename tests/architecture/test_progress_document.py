"""docs/progress.md promises bounds: each names a test that there is, and speaks of codes, series and options that there are."""

import json
import re

import pytest
import yaml
from graphql import parse, validate

from app.learning.beats import BeatEvent, BeatRejection, plain_beat
from app.settings import ProgressSettings
from app.telemetry import Metrics
from tests.architecture.source_tree import ROOT
from tests.support.api import SCHEMA

PAGE = (ROOT / "docs/progress.md").read_text()
SCRIPT = (ROOT / "app/asgi/progress_reporter/assets/reporter.js").read_text()
PROOFS = re.findall(r"`(tests/[\w/]+\.py)`: ((?:`test_\w+`(?:, )?)+)", PAGE)


def first_cells(heading: str) -> list[str]:
    """Of the table under a heading."""
    section = PAGE.split(heading + "\n", 1)[1].split("\n#", 1)[0]
    return re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)


@pytest.mark.parametrize(("path", "names"), PROOFS)
def test_a_proof_is_a_test(path: str, names: str) -> None:
    text = (ROOT / path).read_text()
    for name in re.findall(r"test_\w+", names):
        assert f"def {name}(" in text


def test_every_bound_has_a_proof() -> None:
    table = PAGE.split("### What may be lost\n", 1)[1].split("\n#", 1)[0]
    rows = [row for row in table.splitlines() if row.startswith("| ")][1:]
    assert len(rows) == 16
    assert all("`tests/" in row.rsplit("|", 2)[1] for row in rows)
    assert sum(len(re.findall("test_", names)) for _, names in PROOFS) == PAGE.count("`test_")


def test_codes_events_and_series_are_those_there_are() -> None:
    assert first_cells("### Why a beat is not taken") == list(BeatRejection)
    (events,) = re.findall(r"^\| `event` \| (.*) \|$", PAGE, re.MULTILINE)
    assert re.findall("`([A-Z]+)`", events) == list(BeatEvent)
    named = {
        name
        for cell in re.findall(r"^\| (`lectern_.*?) \|", PAGE, re.MULTILINE)
        for name in re.findall(r"lectern_\w+", cell)
    }
    series = {name for names in Metrics().registry._collector_to_names.values() for name in names}
    assert named == {name for name in named if name in series}
    assert len(named) == 7


def test_alerts_are_those_there_are() -> None:
    """All by name, and the age at which the first one speaks: later than any flush in order, long before beats are lost."""
    (group,) = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    paragraph = PAGE.split("The rules in `deploy/prometheus/alerts.yml`:", 1)[1].partition(".")[0]
    assert re.findall("`([^`]+)`", paragraph) == [rule["alert"] for rule in group["rules"]]
    (seconds,) = re.findall(r"`ViewersProgressIsNotWritten` \(the oldest waits over (\d+) s\)", paragraph)
    assert group["rules"][0]["expr"] == f"max(lectern_progress_buffer_oldest_seconds) > {seconds}"
    defaults = ProgressSettings()
    assert defaults.flush_interval + defaults.flush_lease < int(seconds) < defaults.outage_patience


def test_examples_fit() -> None:
    """What is run as it stands: `tests/app/cli/test_dev.py`."""
    (document,) = re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)
    assert validate(SCHEMA, parse(document)) == []
    (body,) = re.findall(r"/progress -H [^\n]* -d '(\{.*?\})'\n```", PAGE, re.DOTALL)
    beats = json.loads(body.replace("'$MINUTE'", "2030-01-01T00:00"))["beats"]
    assert len(beats) == 2
    assert all(plain_beat(beat, 9, 0) for beat in beats)
    fields = [
        name
        for cell in re.findall(
            r"^\| (`\w+`(?:, `\w+`)*) \|",
            PAGE.split("## Without", 1)[1].split("By GraphQL", 1)[0],
            re.MULTILINE,
        )
        for name in re.findall(r"\w+", cell)
    ]
    assert set(fields) == set(beats[0])


def test_options_are_those_of_the_reporter() -> None:
    assert set(first_cells("## The reporter")) == set(re.findall(r"\boptions\.(\w+)", SCRIPT))
