from datetime import UTC, datetime, timedelta

import pytest

from app.jobs import HANDLING, Job
from workers.schedule import SCHEDULE, Cron


async def nothing(_resources: object) -> None: ...


def test_names_are_unique() -> None:
    """Series, records and the agreement about who runs it go by the name."""
    assert len({entry.name for entry in SCHEDULE}) == len(SCHEDULE)


def test_nothing_runs_all_the_time_by_mistake() -> None:
    assert [entry.name for entry in SCHEDULE if entry.every < timedelta(minutes=1)] == []


def test_an_entry_is_cut_off_before_its_job_counts_as_lost() -> None:
    assert [entry.name for entry in SCHEDULE if entry.limit >= HANDLING[Job.SCHEDULED].limit] == []


@pytest.mark.parametrize(
    ("every", "at", "due"),
    [
        (timedelta(hours=1), timedelta(minutes=17), "2026-03-29T02:17"),
        (timedelta(hours=1), timedelta(minutes=30), "2026-03-29T02:30"),
        (timedelta(hours=1), timedelta(minutes=31), "2026-03-29T01:31"),
        (timedelta(minutes=30), timedelta(minutes=7), "2026-03-29T02:07"),
        (timedelta(days=1), timedelta(hours=3, minutes=47), "2026-03-28T03:47"),
        (timedelta(seconds=1), timedelta(0), "2026-03-29T02:30"),
    ],
)
def test_what_was_due_last(every: timedelta, at: timedelta, due: str) -> None:
    now = datetime(2026, 3, 29, 2, 30, 0, 123_456, tzinfo=UTC)
    assert Cron("a", nothing, every=every, at=at).due_at(now) == datetime.fromisoformat(due + "Z")
