from typing import Any

import orjson
import pytest

from app.catalog.importing.columns import TARGETS, ColumnPlan
from app.catalog.importing.errors import RowRefused
from app.catalog.importing.rows import ImportedCourse, RowReader

HEADER = [*TARGETS, "extra"]
PLAN = ColumnPlan.of(HEADER, {name: name for name in TARGETS}, None)
GOOD = {"title": "A course", "key": "k1", "description": "What it is about."}


def read(**values: str) -> ImportedCourse:
    row = GOOD | values
    return RowReader(PLAN).course([row.get(name, "") for name in HEADER])


def attributes(course: ImportedCourse) -> dict[str, str]:
    answer: dict[str, str] = orjson.loads(course.attributes)
    return answer


def test_everything_mapped() -> None:
    course = read(
        title="  Padded  ",
        category="Data",
        level="Beginner",
        language="pt-BR",
        skills="SQL; Python ;SQL;;data  analysis",
        rating_sum="12.5",
        rating_count="3.0",
        extra="kept",
    )
    assert (course.title, course.category, course.level, course.language) == (
        "Padded",
        "Data",
        "beginner",
        "pt-br",
    )
    assert course.skills == ["SQL", "Python", "data analysis"]
    assert (course.rating_sum, course.rating_count) == ("12.5", 3)
    assert attributes(course) == {"extra": "kept"}
    assert course.kind == "page"
    assert course.body_html == "<p>What it is about.</p>\n"


def test_commas_separate_skills_where_there_is_no_semicolon() -> None:
    assert read(skills="SQL, Python").skills == ["SQL", "Python"]


def test_markdown_is_rendered_and_cleaned() -> None:
    body = read(description="# Hi\n\n<script>alert(1)</script>\n\n*there*").body_html
    assert body is not None
    assert "<h1>Hi</h1>" in body
    assert "<em>there</em>" in body
    assert "script" not in body


def test_words_we_do_not_know_are_kept_as_attributes() -> None:
    course = read(level="All Levels", language="English")
    assert (course.level, course.language) == (None, None)
    assert attributes(course) == {"level": "All Levels", "language": "English"}


def test_the_address_is_the_lesson_where_there_is_no_description() -> None:
    course = read(description=" ", url="https://example.org/course")
    assert (course.kind, course.external_url, course.body_html) == (
        "link",
        "https://example.org/course",
        None,
    )
    assert attributes(course) == {}


def test_beside_a_description_the_address_is_an_attribute() -> None:
    course = read(url="https://example.org/course")
    assert (course.kind, course.external_url) == ("page", None)
    assert attributes(course) == {"url": "https://example.org/course"}


def test_a_key_that_is_an_address_serves_as_the_lesson() -> None:
    assert read(description="", key="https://example.org/1").external_url == "https://example.org/1"


def test_nothing_is_remembered_from_row_to_row_but_the_digest_of_equal_rows() -> None:
    assert read().digest == read().digest
    for change in (
        {"title": "B"},
        {"description": "Else."},
        {"category": "c"},
        {"level": "beginner"},
        {"language": "en"},
        {"skills": "s"},
        {"rating_sum": "4", "rating_count": "1"},
        {"url": "https://example.org"},
        {"extra": "x"},
    ):
        assert read(**change).digest != read().digest, change


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"key": "  "}, "The key is missing."),
        ({"key": "k" * 501}, "key: At most 500 characters."),
        ({"key": "k\x00"}, "key: Control characters are not allowed."),
        ({"title": " \t"}, "The title is missing."),
        ({"title": "t" * 201}, "title: At most 200 characters."),
        ({"title": "a\x00b"}, "title: Control characters are not allowed."),
        ({"title": "br\udcffck"}, "title: Some bytes are not valid in the file's encoding."),
        ({"description": "d" * 10_001}, "description: At most 10,000 characters."),
        ({"description": "bell \x07"}, "description: Control characters are not allowed."),
        ({"category": "c" * 101}, "category: At most 100 characters."),
        ({"skills": "s" * 101}, "skills: At most 100 of at most 100 characters each."),
        ({"skills": ";".join(map(str, range(101)))}, "skills: At most 100 of at most 100 characters each."),
        ({"rating_sum": "many", "rating_count": "1"}, 'rating_sum: "many" is not a number.'),
        ({"rating_sum": "NaN", "rating_count": "1"}, 'rating_sum: "NaN" is not a number.'),
        ({"rating_sum": "1e5", "rating_count": "1"}, 'rating_sum: "1e5" is not a number.'),
        ({"rating_sum": "1_0", "rating_count": "1"}, 'rating_sum: "1_0" is not a number.'),
        ({"rating_sum": "٣", "rating_count": "1"}, 'rating_sum: "٣" is not a number.'),
        ({"rating_sum": "-1", "rating_count": "1"}, "rating_sum: -1 is negative."),
        ({"rating_sum": "1000000000000", "rating_count": "1"}, "rating_sum: 1000000000000 is too large."),
        ({"rating_count": "-2"}, "rating_count: -2 is negative."),
        ({"rating_count": "1.5"}, 'rating_count: "1.5" is not a whole number.'),
        ({"rating_count": "2147483648"}, "rating_count: 2147483648 is too large."),
        ({"rating_sum": "5", "rating_count": "0"}, "rating_sum: There is a sum, but no rating is counted."),
        ({"description": ""}, "There is neither a description nor an address to make a lesson of."),
        ({"description": "", "url": "example"}, "url: This is not a web address (http or https)."),
        (
            {"description": "", "url": "javascript:alert(1)"},
            "url: This is not a web address (http or https).",
        ),
        ({"extra": "e" * 10_001}, "extra: At most 10,000 characters."),
        ({"extra": "a\x00"}, "extra: Control characters are not allowed."),
    ],
)
def test_rows_that_are_refused(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(RowRefused) as refused:
        read(**values)
    assert str(refused.value) == reason


@pytest.mark.parametrize("width", [0, len(HEADER) - 1, len(HEADER) + 1])
def test_rows_of_another_width_are_refused(width: int) -> None:
    with pytest.raises(RowRefused, match=f"{width} columns, the header {len(HEADER)}"):
        RowReader(PLAN).course(["x"] * width)
