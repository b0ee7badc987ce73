"""Nothing is left behind on a connection: behind a pooler the next transaction runs on another, and somebody else's on this."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source_tree import FLOORS, docstring_nodes, python_files, syntax_tree

# What lasts for the session: locks that no transaction ends, tables of its own, settings, notifications, named statements
# and cursors. COPY goes on for longer than a pooler's limits, and asyncpg prepares a statement for it.
STATEMENT = re.compile(
    r"\A(?! )\s*(SET(?! LOCAL\b| NULL\b)|RESET|DISCARD|LISTEN|UNLISTEN|NOTIFY|PREPARE|DEALLOCATE|DECLARE|COPY|LOAD)\s"
    r"|\bpg_(try_)?advisory_(un)?lock|\bCREATE\s+(LOCAL\s+|GLOBAL\s+)?TEMP|\bset_config\([^)]*false\s*\)"
)
METHOD = re.compile(r"copy_(records_)?(to|from)_(table|query)$|add_listener$|cursor$")


def left_behind(tree: ast.Module) -> Iterator[str]:
    said = {id(node.value) for node in docstring_nodes(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            if STATEMENT.search(node.value):
                yield node.value
        elif isinstance(node, ast.Attribute) and METHOD.match(node.attr):
            yield node.attr


def test_no_statement_leaves_anything_on_its_connection() -> None:
    found = {
        str(path): names for path in python_files(*FLOORS) if (names := list(left_behind(syntax_tree(path))))
    }
    assert found == {}


@pytest.mark.parametrize(
    "code",
    [
        "'SELECT pg_advisory_lock(1)'",
        "'SELECT pg_try_advisory_lock(1)'",
        "'''\\n  SET lock_timeout = 1'''",
        "'CREATE TEMP TABLE taken (id int)'",
        "'LISTEN news'",
        "connection.copy_records_to_table",
        "f'SET statement_timeout = {limit}'",
    ],
)
def test_what_does_is_found(code: str) -> None:
    assert list(left_behind(ast.parse(f"query = {code}")))


@pytest.mark.parametrize("code", ["'SELECT pg_advisory_xact_lock(1)'", "'SET LOCAL lock_timeout = 1'"])
def test_what_ends_with_its_transaction_is_not(code: str) -> None:
    assert not list(left_behind(ast.parse(f"query = {code}")))
