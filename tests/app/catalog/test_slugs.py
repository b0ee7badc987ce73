"""Slugs: readable, ASCII, bounded, and always another one to try."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog.slugs import candidates, slug_of


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Bread & Salt", "bread-salt"),
        ("  C++ for beginners  ", "c-for-beginners"),
        ("Größe über Straßen", "grosse-uber-strassen"),
        ("Привет, мир", "privet-mir"),
        ("机器学习", "ji-qi-xue-xi"),
        ("学", "xue"),
        ("🦊", "course"),
        ("...", "course"),
        ("\u200f\u202e", "course"),
        ("", "course"),
        ("word " * 40, "-".join(["word"] * 16)),
        ("x" * 200, "x" * 80),
        ("a" * 79 + " bcd", "a" * 79),
        ("../../etc/passwd", "etc-passwd"),
        ("<script>alert(1)</script>", "script-alert-1-script"),
    ],
)
def test_slugs(title: str, slug: str) -> None:
    assert slug_of(title) == slug


@given(st.text(max_size=200))
def test_any_title_has_a_slug(title: str) -> None:
    slug = slug_of(title)
    assert 1 <= len(slug) <= 80
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not slug.startswith("-")
    assert not slug.endswith("-")


def test_candidates_never_end_and_never_repeat() -> None:
    found = list(islice(candidates("Bread"), 1_000))
    assert found[:5] == ["bread", "bread-2", "bread-3", "bread-4", "bread-5"]
    assert len(set(found)) == 1_000
