"""Cursors and pages apart from any list."""

from datetime import UTC, datetime
from typing import Any

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from graphql_schema.pagination import Connection, check_first, decode_cursor, encode_cursor

KINDS = {"at": datetime, "rating": float, "count": int, "title": str}
VALUES = {
    "at": st.datetimes(timezones=st.just(UTC)),
    "rating": st.floats(allow_nan=False, allow_infinity=False),
    "count": st.integers(-(2**63) + 1, 2**63 - 1),
    "title": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
}


@given(st.fixed_dictionaries(VALUES))
def test_cursors_come_back(values: dict[str, Any]) -> None:
    assert decode_cursor(encode_cursor(values), KINDS) == tuple(values[name] for name in KINDS)


@given(st.fixed_dictionaries(VALUES), st.sampled_from(sorted(KINDS)), st.sampled_from(sorted(KINDS)))
def test_a_value_of_another_kind_is_refused(values: dict[str, Any], name: str, other: str) -> None:
    kinds = KINDS | {name: KINDS[other]}
    if name == other or (name, other) == ("at", "title"):
        return  # the same kind, or a date, which is a text too: its name tells the two apart
    if (name, other) == ("title", "at"):
        values = values | {name: "no date"}
    with pytest.raises(GraphQLError):
        decode_cursor(encode_cursor(values), kinds)


@given(st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with pytest.raises(GraphQLError) as caught:
        decode_cursor(text, KINDS)
    assert caught.value.extensions == {"code": "BAD_USER_INPUT"}


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KINDS, "x"]), inner, max_size=4)
    ),
    max_leaves=6,
)


@given(JSON)
def test_any_json_is_a_cursor_or_refused(values: Any) -> None:
    refused = None
    found: tuple[Any, ...] = ()
    try:
        found = decode_cursor(encode_cursor(values), KINDS)
    except GraphQLError as error:
        refused = error.extensions
    assert refused == {"code": "BAD_USER_INPUT"} or [type(value) for value in found] == list(KINDS.values())


@pytest.mark.parametrize(("first", "fine"), [(1, True), (100, True), (0, False), (101, False), (-1, False)])
def test_page_sizes(first: int, fine: bool) -> None:
    if fine:
        check_first(first)
        return
    with pytest.raises(GraphQLError, match="between 1 and 100"):
        check_first(first)


def page(many: int, first: int, *, continued: bool = False) -> Connection[str]:
    rows: Any = [{"id": number} for number in range(many)]
    return Connection.of_rows(
        rows, first, lambda row: str(row["id"]), ordered_by=("id",), continued=continued
    )


@pytest.mark.parametrize(("many", "more"), [(0, False), (2, False), (3, False), (4, True)])
@pytest.mark.parametrize("continued", [True, False])
def test_a_page_of_three(many: int, more: bool, continued: bool) -> None:
    found = page(many, 3, continued=continued)
    shown = min(many, 3)
    assert found.nodes == [str(number) for number in range(shown)]
    info = found.make_page_info()
    assert (info.has_next_page, info.has_previous_page) == (more, continued)
    ends = [encode_cursor({"id": 0}), encode_cursor({"id": shown - 1})] if shown else [None, None]
    assert [info.start_cursor, info.end_cursor] == ends
