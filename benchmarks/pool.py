"""What the floor and plain Strawberry share: a pool like Lectern's, and a count of statements."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from asyncpg import Record
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.settings import DatabaseSettings


class _Connection(asyncpg.Connection):
    def get_reset_query(self) -> str:
        # As in Lectern: without it every contender but Lectern would pay a round trip more a statement.
        return ""


class Statements:
    """Counts what is sent to PostgreSQL."""

    def __init__(self) -> None:
        self.total = 0

    async def fetch(self, connection: Any, text: str, *arguments: Any) -> list[Record]:
        """`connection` is a connection or the pool itself."""
        self.total += 1
        return await connection.fetch(text, *arguments)  # type: ignore[no-any-return]


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings = DatabaseSettings()
    async with asyncpg.create_pool(
        settings.url,
        min_size=1,
        max_size=settings.pool_size,
        connection_class=_Connection,
        max_cached_statement_lifetime=0,
        server_settings={"jit": "off"},
    ) as pool:
        app.state.pool = pool
        app.state.statements = Statements()
        yield


async def _statements(request: Request) -> Response:
    return PlainTextResponse(str(request.app.state.statements.total))


def application() -> Starlette:
    """An application with `state.pool`, `state.statements` and the count at /statements."""
    app = Starlette(lifespan=_lifespan)
    app.add_route("/statements", _statements)
    return app
