import pytest

from app.catalog.importing.columns import ColumnPlan, parse_columns
from app.catalog.importing.errors import ImportRefused

HEADER = ["name", "about", "link", "extra"]


def test_specifications_may_be_split_and_quoted() -> None:
    assert parse_columns(["title=name, category = area", '"skills=Skills, all"']) == {
        "title": "name",
        "category": "area",
        "skills": "Skills, all",
    }


@pytest.mark.parametrize(
    ("specification", "reason"),
    [
        ("title", "not of the form"),
        ("title=", "not of the form"),
        ("colour=name", '"colour" is nothing a course has'),
        ("title=a,title=b", "given twice"),
    ],
)
def test_specifications_that_are_refused(specification: str, reason: str) -> None:
    with pytest.raises(ImportRefused, match=reason):
        parse_columns([specification])


def test_what_is_not_mapped_becomes_an_attribute() -> None:
    plan = ColumnPlan.of(HEADER, {"title": "name"}, "link")
    assert plan.places == {"title": 0}
    assert plan.key == 2
    assert plan.attributes == ((1, "about"), (3, "extra"))


def test_a_key_may_be_mapped_named_by_its_target_or_both() -> None:
    by_column = ColumnPlan.of(HEADER, {"title": "name", "url": "link"}, "link")
    assert ColumnPlan.of(HEADER, {"title": "name", "url": "link"}, "url") == by_column
    assert ColumnPlan.of(HEADER, {"title": "name", "url": "link", "key": "link"}, None) == by_column
    assert ColumnPlan.of(HEADER, {"title": "name", "url": "link", "key": "link"}, "link") == by_column


def test_without_a_specification_columns_mean_what_they_are_called() -> None:
    plan = ColumnPlan.of(["key", "title", "price"], {}, None)
    assert plan.places == {"title": 1}
    assert plan.key == 0
    assert plan.attributes == ((2, "price"),)


def test_a_column_without_a_name_gets_its_number() -> None:
    assert ColumnPlan.of(["", "title"], {}, "title").attributes == ((0, "column 1"),)


@pytest.mark.parametrize(
    ("header", "columns", "key", "reason"),
    [
        (["name", "name"], {"title": "name"}, "name", 'names the column "name" twice'),
        (HEADER, {"title": "nome"}, "link", 'no column "nome" for title; its columns are name, about'),
        (HEADER, {"title": "name"}, "id", 'no column "id" for the key'),
        (HEADER, {"title": "name"}, None, "--key COLUMN"),
        (HEADER, {"title": "name", "key": "link"}, "about", "The key is given twice"),
        (HEADER, {"category": "name"}, "link", "--columns title=COLUMN"),
        (HEADER, {"title": "name", "rating_sum": "extra"}, "link", "only mapped together"),
    ],
)
def test_plans_that_are_refused(
    header: list[str], columns: dict[str, str], key: str | None, reason: str
) -> None:
    with pytest.raises(ImportRefused, match=reason):
        ColumnPlan.of(header, columns, key)
