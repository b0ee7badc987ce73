"""`lectern migrate`, and the questions that the other commands ask about the database's revision."""

import asyncio
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import asyncpg
import typer
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from app.cli.connection import connected_settings
from app.cli.refusal import Refused
from app.cli.signals import graceful_ending
from app.embedded import EmbeddedPostgres

_ROOT = Path(__file__).parents[2]
_EXTENSION = re.compile(r"CREATE EXTENSION (?:IF NOT EXISTS )?\"?(\w+)", re.IGNORECASE)


def migrate() -> None:
    """Bring the database to this release's revision; safe to run twice and by several at once."""
    typer.echo(upgrade(connected_settings().database.url))


def migration(message: Annotated[str, typer.Argument(help="What changes, in a few words.")]) -> None:
    """Write a migration that brings the newest revision's database to what the models say."""
    with TemporaryDirectory(prefix="lectern-") as folder, graceful_ending():
        Path(folder).chmod(0o711)  # as root, PostgreSQL runs as another user
        postgres = EmbeddedPostgres(Path(folder) / "postgres", durable=False)
        try:
            postgres.start()
            upgrade(postgres.url)
            number = f"{len(known_revisions()) + 1:04}"
            command.revision(_configuration(postgres.url), message, autogenerate=True, rev_id=number)
        finally:
            postgres.stop()


def upgrade(url: str) -> str:
    """Upgrades to the newest revision, which is returned; one short query when there is nothing to do.

    Raises Refused.
    """
    head = newest_revision()
    current = asyncio.run(current_revision(url))
    if current == head:
        return head
    if current and current not in known_revisions():
        raise Refused(
            f"The database is at revision {current}, which this release does not know: run the release that made it."
        )
    try:
        command.upgrade(_configuration(url), "head")
    except CommandError as error:
        raise Refused(f"The database cannot be migrated: {error}") from error
    except (DBAPIError, asyncpg.PostgresError) as error:
        if "lock timeout" not in str(error):
            raise
        raise Refused(
            "Somebody uses the tables that must change: nothing was changed, run `lectern migrate` again."
        ) from error
    return head


def newest_revision() -> str:
    """The one revision that this release's code is written for."""
    head = _scripts().get_current_head()
    if head is None:
        raise Refused(f"{_ROOT / 'alembic'} has no migrations: the installation is not complete.")
    return head


def known_revisions() -> set[str]:
    return {script.revision for script in _scripts().walk_revisions()}


def required_extensions() -> set[str]:
    """Extensions that the migrations make, by their texts; so far there are none."""
    texts = (Path(script.path).read_text(encoding="utf-8") for script in _scripts().walk_revisions())
    return {name for text in texts for name in _EXTENSION.findall(text)}


async def current_revision(url: str) -> str | None:
    """The database's revision, None before the first migration. Raises Refused when it cannot be reached."""
    try:
        connection = await asyncpg.connect(
            url.replace("+asyncpg", "", 1),
            timeout=5.0,
            command_timeout=5.0,
            statement_cache_size=0,  # it may be PgBouncer that answers
        )
        try:
            revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        except asyncpg.UndefinedTableError:
            revision = None
        finally:
            await connection.close()
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # TimeoutError is an OSError without words.
        raise Refused(f"PostgreSQL cannot be used: {error or 'no answer within 5 seconds'}.") from error
    return revision


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_configuration())


def _configuration(url: str = "") -> Config:
    # Absolute, so that the command works from any folder; "%" begins a reference in this format.
    configuration = Config(_ROOT / "alembic.ini")
    configuration.set_main_option("script_location", str(_ROOT / "alembic").replace("%", "%%"))
    configuration.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return configuration
