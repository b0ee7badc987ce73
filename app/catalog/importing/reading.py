"""What every import of a CSV file does with it: the header apart from the rows, the rows in chunks."""

import asyncio
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from app.catalog.importing.errors import ImportRefused, RowRefused
from app.catalog.importing.lines import Lines
from app.catalog.importing.records import Records
from app.errors import DomainError
from app.validation import checked_text

HEADER_LIMIT = 200
Item = TypeVar("Item")
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Rows = Iterator[tuple[int, list[str] | RowRefused]]


def rows_and_header(lines: Lines, *, delimiter: str, encoding: str) -> tuple[Rows, list[str]]:
    """The rows after the header, and the header. Raises ImportRefused for a file without a readable one."""
    if len(delimiter) != 1 or delimiter in '"\r\n ':
        raise ImportRefused("A delimiter is one character, such as , ; or a tab.")
    rows = iter(Records(iter(lines), delimiter))
    line, header = next(rows, (1, []))
    if isinstance(header, RowRefused):
        raise ImportRefused(f"The header in line {line} cannot be read: {header}")
    if not header:
        raise ImportRefused("The file is empty.")
    try:
        for name in header:
            checked_text(name, maximum=HEADER_LIMIT, breaks=True)
    except DomainError:
        raise ImportRefused(
            f"The header is not text in the encoding {encoding}, or a name in it is too long."
        ) from None
    return rows, header


def chunked(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` of them, the last one shorter."""
    chunk: list[Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


async def in_thread(
    function: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs
) -> Result:
    """Runs it there, and waits for its end also when we are cancelled: it works on what we then close."""
    task = asyncio.create_task(asyncio.to_thread(function, *arguments, **named))
    try:
        return await asyncio.shield(task)
    finally:
        await asyncio.wait([task])
