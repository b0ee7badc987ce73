from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.catalog.importing.plain_text import _PLAIN, rendered
from app.catalog.markup import render
from app.catalog.models import BodyFormat

# What the short way lets through, and a few that it must not.
TEXT = st.text(
    st.sampled_from("ab Z09,.;:'\"()/?%$+=@#>-é\u2013\u2014\u2018\u201c\u201d\u2026*_<&`[]!\n\\~|\u00a0"),
    min_size=1,
    max_size=40,
)


@settings(max_examples=500, deadline=None)
@given(TEXT)
@example('A sentence: "quoted", (5 > 4) - 100 % sure; a@b.de, http://example.org/?a=b #1 \u2026 é')
@example("End with two spaces  ")
@example("Zwölf \u2013 \u201eBoxkämpfer\u201c jagen")
def test_the_short_way_gives_what_the_long_one_gives(text: str) -> None:
    text = text.strip()
    assert rendered(text) == render(text, BodyFormat.MARKDOWN)


def test_the_short_way_is_taken_for_sentences() -> None:
    assert _PLAIN.fullmatch("You learn to clean, join and draw data; it's fun (really).")
    assert not _PLAIN.fullmatch("You learn <b>a lot</b>")
    assert not _PLAIN.fullmatch("One\n\nTwo")
