"""The table of settings in docs/operations.md, made from app/settings/: `python -m app.cli.configuration_table`."""

import sys
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.settings import variables

DOCUMENT = Path(__file__).parents[2] / "docs/operations.md"
_BEGIN = "<!-- made by `python -m app.cli.configuration_table` -->\n"
_END = "<!-- end of the table -->\n"
_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def table() -> str:
    """Markdown, a row for each variable."""
    rows = ["| variable | default | allowed | meaning |", "|---|---|---|---|"]
    rows += [
        f"| `{name}` | {_default(field)} | {_allowed(field)} | {(field.description or '').replace('|', '/')} |"
        for name, field in variables()
    ]
    return "\n".join(rows) + "\n"


def renewed(document: str) -> str:
    """The document with the table of today. Raises ValueError when the table's marks are not in it."""
    before, begin, rest = document.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{DOCUMENT.name} lacks the marks of its table: {_BEGIN.strip()} and {_END.strip()}")
    return f"{before}{begin}{table()}{end}{after}"


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Enum):
        value = value.value
    return "" if value in {None, "", ()} else f"`{value}`"


def _allowed(field: FieldInfo) -> str:
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    bounds = [
        f"{sign} {getattr(bound, name)}"
        for bound in field.metadata
        for name, sign in _SIGNS.items()
        if hasattr(bound, name)
    ]
    return ", ".join(bounds)


def main() -> None:
    """Writes the table; with --check only says whether it would change."""
    text = DOCUMENT.read_text(encoding="utf-8")
    if "--check" not in sys.argv[1:]:
        DOCUMENT.write_text(renewed(text), encoding="utf-8")
    elif renewed(text) != text:
        sys.exit(
            "docs/operations.md is older than app/settings/: run `python -m app.cli.configuration_table`."
        )


if __name__ == "__main__":
    main()
