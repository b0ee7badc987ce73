"""Alerting rules name series that there are, with labels that they have."""

import re
from typing import Any

import yaml

from app.telemetry import Metrics
from tests.architecture.source_tree import ROOT

RULES = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
_SERIES = re.compile(r"(lectern_\w+)(?:\{([^}]*)\})?")


def rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def test_rules_say_what_to_do() -> None:
    assert len(rules()) >= 1
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]


def test_series_and_labels_exist() -> None:
    metrics = Metrics()
    labels = {
        # A counter's family has no suffix.
        name: set(getattr(collector, "_labelnames", ()))
        for collector, names in metrics.registry._collector_to_names.items()
        for name in names
    }
    found = [match for rule in rules() for match in _SERIES.findall(rule["expr"])]
    assert len(found) >= len(rules())
    for series, selector in found:
        assert series in labels, series
        assert set(re.findall(r"(\w+)\s*[=!]", selector)) <= labels[series]
