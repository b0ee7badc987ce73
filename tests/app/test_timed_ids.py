from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.database import Database, Query
from app.timed_ids import timed_id

MOMENT = datetime(2013, 2, 1, 12, 30, 0, 123456, UTC)


def test_the_same_cause_has_the_same_id() -> None:
    made = timed_id(MOMENT, "enrolled:1:2:1")
    assert str(made) == str(timed_id(MOMENT.astimezone(timezone(timedelta(hours=5))), "enrolled:1:2:1"))
    assert made != timed_id(MOMENT, "enrolled:1:2:2")
    assert made != timed_id(MOMENT + timedelta(milliseconds=1), "enrolled:1:2:1")
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_ids_sort_by_time() -> None:
    assert timed_id(MOMENT, "z") < timed_id(MOMENT + timedelta(milliseconds=1), "a")


async def test_an_id_stands_above_the_floor_of_its_moment(database: Database) -> None:
    floor = Query(
        "SELECT uuid_floor($1) AS here, uuid_floor($1 + interval '1 millisecond') AS above", ("at",), {}
    )
    (row,) = await database.fetch(floor, at=MOMENT)
    assert row["here"] <= timed_id(MOMENT, "anything") < row["above"]


@pytest.mark.parametrize("moment", [datetime(1969, 12, 31, tzinfo=UTC), datetime(2020, 1, 1)])  # noqa: DTZ001
def test_what_no_id_can_hold(moment: datetime) -> None:
    with pytest.raises(ValueError, match="no id can hold"):
        timed_id(moment, "x")
