"""Files stay small enough to read in one go. The numbers come from codebases that are a pleasure to read."""

import io
import tokenize
from pathlib import Path
from statistics import median, quantiles

import pytest

from tests.architecture.source_tree import FLOORS, ROOT, docstring_nodes, python_files, syntax_tree

LONGEST = 400
# Such a name says that nobody knew where the thing belongs.
HOMELESS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "misc"}
SOURCES = python_files(*FLOORS)
TESTS = python_files("tests", "benchmarks")


def length(path: Path) -> int:
    return len((ROOT / path).read_text().splitlines())


def explained_lines(path: Path) -> tuple[int, int]:
    """(lines of comments and docstrings, lines that are not blank)"""
    text = (ROOT / path).read_text()
    explained = {
        line
        for node in docstring_nodes(syntax_tree(path))
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        # A comment behind code is no line of its own; an instruction to a tool explains nothing.
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#"):
            explained.add(token.start[0])
    lines = text.splitlines()
    filled = {number for number, line in enumerate(lines, 1) if line.strip()}
    return len(explained & filled), len(filled)


def test_sources_are_short() -> None:
    # A package's docstring alone is no file that somebody reads.
    lengths = [count for count in map(length, SOURCES) if count > 10]
    assert median(lengths) <= 90
    assert quantiles(lengths, n=10)[-1] <= 250


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=str)
def test_no_file_is_long(path: Path) -> None:
    assert length(path) <= LONGEST


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=str)
def test_every_module_has_a_home(path: Path) -> None:
    assert HOMELESS.isdisjoint(path.with_suffix("").parts)


def test_comments_are_few_and_there() -> None:
    counts = [explained_lines(path) for path in SOURCES]
    share = sum(explained for explained, _ in counts) / sum(filled for _, filled in counts)
    print(f"{share:.1%} of the lines are comments or docstrings")  # noqa: T201 - shown by pytest -rP
    assert 0.03 <= share <= 0.20
