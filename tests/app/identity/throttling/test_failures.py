from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.identity.throttling.failures import FIRST_REST, LONGEST_REST, WINDOW, Failures

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@given(gaps=st.lists(st.integers(0, 4000), max_size=60), attempts=st.integers(2, 6))
def test_whatever_the_times_failures_stay_within_the_limit(gaps: list[int], attempts: int) -> None:
    """An attacker who tries whenever no rest holds them back."""
    state, now = Failures(), BEGIN
    told: list[datetime] = []
    for gap in gaps:
        now += gap * SECOND
        if state.resting(now):
            continue
        state = state.after_failure(now, attempts)
        told.append(now)
        assert state.failures < attempts
        if state.rests_until is not None:
            assert FIRST_REST <= state.rests_until - now <= LONGEST_REST
        within = [moment for moment in told if now - moment < WINDOW]
        # A window that began later may end with a few of the one before: never more than two windows' worth.
        assert len(within) <= 2 * attempts - 1
