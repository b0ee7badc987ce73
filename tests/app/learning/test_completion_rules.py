"""Why a lesson is completed or not, in figures and in a sentence."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.learning.completion_rules import STRETCHES, CompletionRule, completion_of

AT = datetime(2026, 1, 1, tzinfo=UTC)


def standing(kind: str, **changes: Any) -> Any:
    return {
        "kind": kind,
        "required_share": 0.95,
        "duration_ms": 100_000 if kind == "video" else None,
        "opened_at": None,
        "marked_at": None,
        "completed_at": None,
        **changes,
    }


@pytest.mark.parametrize(
    ("given", "watched", "observed", "satisfied", "missing", "explanation"),
    [
        (standing("video"), None, 0, False, [(0, 100_000)], "0.0% was watched, 95.0% is needed."),
        (
            standing("video"),
            [0, 50_000],
            0.5,
            False,
            [(50_000, 100_000)],
            "50.0% was watched, 95.0% is needed.",
        ),
        (
            standing("video"),
            [10_000, 20_000, 30_000, 100_000],
            0.8,
            False,
            [(0, 10_000), (20_000, 30_000)],
            "80.0% was watched, 95.0% is needed.",
        ),
        (
            standing("video"),
            [0, 95_000],
            0.95,
            True,
            [(95_000, 100_000)],
            "95.0% was watched, 95.0% is needed: it will be completed in a moment.",
        ),
        # A millisecond of grace, and no more.
        (standing("video"), [0, 94_999], 0.94999, True, [(94_999, 100_000)], None),
        (standing("video"), [0, 94_998], 0.94998, False, [(94_998, 100_000)], None),
        # What was watched of a longer video that this one replaced.
        (standing("video"), [90_000, 150_000, 160_000, 170_000], 0.1, False, [(0, 90_000)], None),
        (standing("video", completed_at=AT), [0, 1_000], 0.01, False, [(1_000, 100_000)], "Completed."),
        (
            standing("page"),
            None,
            0,
            False,
            [],
            "It is completed when its learner says that they are done with it.",
        ),
        (standing("page", opened_at=AT), None, 0, False, [], None),
        (standing("page", opened_at=AT, marked_at=AT, completed_at=AT), None, 1, True, [], "Completed."),
        (standing("link"), None, 0, False, [], "It is completed when it is opened."),
        (standing("link", opened_at=AT, completed_at=AT), None, 1, True, [], "Completed."),
        (
            standing("quiz", opened_at=AT, marked_at=AT),
            None,
            0,
            False,
            [],
            "It is completed when its quiz is passed.",
        ),
    ],
)
def test_where_somebody_is(  # noqa: PLR0917 - as many as a case has
    given: Any,
    watched: list[int] | None,
    observed: float,
    satisfied: bool,
    missing: list[tuple[int, int]],
    explanation: str | None,
) -> None:
    found = completion_of(given, watched)
    assert found.observed == pytest.approx(observed)
    assert (found.satisfied, list(found.missing), found.completed_at) == (
        satisfied,
        missing,
        given["completed_at"],
    )
    if explanation is not None:
        assert found.explanation == explanation


def test_few_stretches_are_named() -> None:
    edges = [edge for begin in range(1_000, 99_000, 2_000) for edge in (begin, begin + 500)]
    found = completion_of(standing("video"), edges)
    assert found.rule is CompletionRule.WATCHED
    assert len(found.missing) == STRETCHES
    assert found.missing[0] == (0, 1_000)
