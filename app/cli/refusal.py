"""Expected failures of a command: one sentence on standard error and exit code 1, never a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import typer
from pydantic import ValidationError

from app.errors import DomainError, Unavailable
from app.identity.errors import SigningKeyError
from app.settings import wrong_values


class Refused(Exception):
    """A command's own reason not to do what it was asked."""


@contextmanager
def refusals() -> Iterator[None]:
    """Ends the program with the sentence of whatever is raised inside and was to be expected."""
    try:
        yield
    except (Refused, DomainError, Unavailable, SigningKeyError) as error:
        sentence = str(error)
    except ValidationError as error:
        sentence = wrong_values(error)[0]
    except asyncpg.UndefinedTableError:
        sentence = "The database has no tables yet: run `lectern migrate`."
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        sentence = f"PostgreSQL cannot be used: {error}"
    else:
        return
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
