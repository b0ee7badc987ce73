"""`lectern doctor`: looks at everything that `lectern serve` relies on, and says what is wrong and how to mend it."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import orjson
import typer

from app.cli.examination import CHECKS, examine


def doctor(
    processes: Annotated[
        int, typer.Option(min=1, help="API processes on all machines together, for the sum of their pools.")
    ] = 1,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
) -> None:
    """Check settings, services and this machine for production; exit code 1 when something is wrong."""
    problems = asyncio.run(examine(processes))
    if as_json:
        typer.echo(orjson.dumps({"ok": not problems, "problems": [asdict(problem) for problem in problems]}))
    elif problems:
        for problem in problems:
            typer.echo(f"{problem.check}: {problem.problem}\n    {problem.remedy}")
    else:
        typer.echo(f"All is well: {', '.join(CHECKS)}.")
    raise typer.Exit(1 if problems else 0)
