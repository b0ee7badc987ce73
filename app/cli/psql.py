"""`lectern psql`: PostgreSQL's shell on the database that the other commands use."""

import os
from urllib.parse import unquote, urlsplit

from app.cli.connection import connected_settings
from app.embedded.postgres import postgres_program


def psql() -> None:
    """Open PostgreSQL's shell on Lectern's database."""
    url = connected_settings().database.url.replace("+asyncpg", "", 1)
    password = urlsplit(url).password
    if password:
        # Everybody on this machine can read command lines.
        os.environ["PGPASSWORD"] = unquote(password)
        url = url.replace(f":{password}@", "@", 1)
    program = postgres_program("psql")
    os.execv(program, [program, url])  # noqa: S606
