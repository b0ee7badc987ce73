"""The `lectern` command. A failure that was to be expected is one sentence and exit code 1."""

import os
import sys
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from typer.core import TyperGroup

from app.cli import dev, doctor, import_command, jobs, keys, migrate, operations, psql, serve, user, worker
from app.cli.refusal import Refused
from app.embedded import EmbeddedError
from app.errors import DomainError, Unavailable
from app.identity.errors import SigningKeyError
from app.settings import wrong_values

_EXPECTED = (Refused, EmbeddedError, SettingsError, SigningKeyError, DomainError, Unavailable)


class _OneSentence(TyperGroup):
    """Catches at the door what no command caught: the sentence always, the traceback only when asked for."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException):
            # Said already, or said by typer: how a command is used wrongly, for example, with exit code 2.
            raise
        except _EXPECTED as error:
            sentence = str(error)
        except ValidationError as error:
            sentence = wrong_values(error)[0]
        except Exception as error:
            if ctx.params["debug"] or ctx.params["log_level"].upper() == "DEBUG":
                raise
            sentence = f"Unforeseen: {type(error).__name__}: {error}\n`lectern --debug ...` shows where."
        typer.echo(sentence, err=True)
        raise typer.Exit(1)


app = typer.Typer(
    cls=_OneSentence, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

app.command(name="dev")(dev.dev)
app.command(name="serve")(serve.serve)
app.command(name="worker")(worker.worker)
app.command(name="doctor")(doctor.doctor)
app.command(name="migrate")(migrate.migrate)
app.command(name="migration")(migrate.migration)
app.command(name="psql")(psql.psql)
app.add_typer(user.app, name="user")
app.add_typer(keys.app, name="keys")
app.add_typer(jobs.app, name="jobs")
app.add_typer(operations.app, name="operations")
app.add_typer(import_command.app, name="import")


@app.callback()
def lectern(
    *,
    debug: Annotated[
        bool,
        typer.Option(help="Show the traceback of an unforeseen failure; so does LECTERN_LOG_LEVEL=DEBUG."),
    ] = False,
    log_level: Annotated[str, typer.Option(envvar="LECTERN_LOG_LEVEL", hidden=True)] = "INFO",
) -> None:
    """Lectern: an e-learning platform behind one GraphQL endpoint."""


def main() -> None:
    """Entry point of the `lectern` command."""
    try:
        app(prog_name="lectern")
    except BrokenPipeError:
        # Whoever read our output has left (`lectern ... | head`); there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
