"""JSON from strangers, of bounded depth."""

from typing import Any

import orjson

from app.catalog.importing.errors import RowRefused

DEPTH_LIMIT = 32


def parsed(content: bytes) -> Any:
    """The value. Raises RowRefused for what is no JSON, or nests lists and objects deeper than 32 levels."""
    try:
        # orjson itself gives up at a depth of 1,024, without using up Python's stack.
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise RowRefused(f"This is no JSON ({error}).") from None
    level = _nested([value])
    for _ in range(DEPTH_LIMIT):
        if not level:
            return value
        level = [child for parent in level for child in _nested(parent)]
    if level:
        raise RowRefused(f"Its JSON nests deeper than {DEPTH_LIMIT} levels.")
    return value


def _nested(parent: list[Any] | dict[str, Any]) -> list[list[Any] | dict[str, Any]]:
    children = parent.values() if isinstance(parent, dict) else parent
    return [child for child in children if isinstance(child, dict | list)]
