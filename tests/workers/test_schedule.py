from workers.schedule import SCHEDULE


def test_names_are_unique() -> None:
    """Series, log lines and the agreement about who runs it go by the name."""
    assert len({entry.name for entry in SCHEDULE}) == len(SCHEDULE)


def test_nothing_runs_all_the_time_by_mistake() -> None:
    assert [entry.name for entry in SCHEDULE if entry.second is None] == []
