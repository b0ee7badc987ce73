"""What the checks of the house look at: the project's Python files."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOORS = ("app", "graphql_schema", "loaders", "workers", "alembic")


def python_files(*folders: str) -> list[Path]:
    """Every Python file below the folders, relative to the project."""
    return sorted(
        path.relative_to(ROOT)
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
    )


def syntax_tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(), filename=str(path))


def docstring_nodes(tree: ast.Module) -> Iterator[ast.Expr]:
    """Strings that stand as statements: docstrings, and what is written under an attribute."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node


def packages(folder: str) -> set[str]:
    """Names of the domain folders of a floor: those with Python files."""
    return {path.name for path in (ROOT / folder).iterdir() if path.is_dir() and any(path.glob("*.py"))}
