"""Descriptions to HTML, what the cleaner takes out of them, and how both behave on hostile text."""

from collections import Counter

import pytest

from app.catalog.importing.curriculum.bodies import html_source, lost
from app.catalog.markup import render
from app.catalog.models import BodyFormat


def cleaned(*lines: str) -> str:
    return render(html_source(lines), BodyFormat.HTML)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["One.", " ", "Two <b>words</b>."], "<p>One.</p>\n<p>Two <b>words</b>.</p>"),
        (["<ul>", "<li>a", "b</li>", "</ul>", "After."], "<ul>\n<li>a\nb</li>\n</ul>\n<p>After.</p>"),
        (["<h3>Head</h3>", "<hr>"], "<h3>Head</h3>\n<hr>"),
        (["<pre>", "  a", "  b</pre>"], "<pre>  a\n  b</pre>"),
        (['<img src="https://e.org/a.png" alt="A">'], '<p><img src="https://e.org/a.png" alt="A"></p>'),
        (["<rule> -> [<replacement>]"], "<p>&lt;rule&gt; -&gt; [&lt;replacement&gt;]</p>"),
        (["<p>0 <= a<n, n<10</p>"], "<p>0 &lt;= a&lt;n, n&lt;10</p>"),
        (["Say <your_name> <EM>now</EM>"], "<p>Say &lt;your_name&gt; <em>now</em></p>"),
        ([f"<{'x' * 40}> stays"], f"<p>&lt;{'x' * 40}&gt; stays</p>"),
    ],
)
def test_lines_become_paragraphs_and_forgotten_angle_brackets_text(lines: list[str], expected: str) -> None:
    assert cleaned(*lines) == expected


def test_what_the_cleaner_takes_is_counted_and_what_it_keeps_is_not() -> None:
    source = html_source(
        [
            '<b class="x" style="color: red">b</b> <big>B</big> <button>x</button> a=b title="no"',
            '<a href="javascript:alert(1)" title="T">j</a> <a href="https://e.org/?v=1" target="_blank">e</a>',
            '<a href="/here">r</a> <img src="b.png"> <a href="#top">t</a> <a href="//e.org">p</a>',
            '<iframe src="https://e.org"></iframe> <code>&lt;a href="/x"&gt;</code>',
        ]
    )
    assert Counter(lost(source, render(source, BodyFormat.HTML))) == {
        "removed from bodies: attributes for looks and behaviour": 3,
        "removed from bodies: element big": 1,
        "removed from bodies: element button": 1,
        "removed from bodies: element iframe": 1,
        "removed from bodies: attribute src of iframe": 1,
        "removed from bodies: attribute href of a": 1,
        "links and images relative to where the archive came from": 2,
    }


# Quadratic, each of these would take minutes; the suite's time limit for a test tells.
@pytest.mark.parametrize(
    "piece", ["<a", "<", "<a ", "a =", "<x href='", "</", "<div ", "\" ' a  ", "<p style="]
)
def test_a_hostile_text_takes_time_in_proportion(piece: str) -> None:
    line = piece * (2_000_000 // len(piece))
    assert len(html_source([line])) >= len(line)
    body = line[:50_000]
    assert isinstance(lost(body, ""), list)
    spaced = f"<a {' ' * 50_000}x{' ' * 50_000}"
    assert lost(spaced, spaced) == []
