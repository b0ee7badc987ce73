"""`lectern import ... --background`: the import as an operation, which a worker carries out."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer

from app.catalog.importing.account import instructor_of_import
from app.catalog.importing.run import checked_source
from app.cli.connection import connected_database, connected_settings
from app.cli.refusal import Refused
from app.jobs import OperationKind
from app.operations import service
from app.outbox import Handover, Outbox
from app.telemetry import Metrics

Background = Annotated[
    bool,
    typer.Option(
        "--background",
        help="Only ask for it: a worker imports the file, which it must be able to read under the same path on its machine. "
        "`lectern operations watch` follows it.",
    ),
]
Owner = Annotated[
    str | None,
    typer.Option(
        metavar="EMAIL",
        help="With --background: who may follow and cancel it; default: the account of --instructor.",
    ),
]


def ask_for_import(
    kind: OperationKind,
    file: Path,
    options: Mapping[str, Any],
    *,
    report: Path | None,
    owner: str | None,
    as_json: bool,
    folder: bool = False,
) -> None:
    """Asks for it and says how to follow it. Raises Refused, ImportRefused."""
    email = owner or options["instructor"]
    if email is None:
        raise Refused("Say who may follow it: --owner EMAIL.")
    if folder and not file.is_dir():
        raise Refused(f"{file} is no folder.")
    if report is not None and report.exists() and file.exists() and report.samefile(file):
        raise Refused("The report would overwrite the file that is imported.")
    for path in (report,) if folder else (file, report):
        if path is not None and path.exists() and not path.is_file():
            raise Refused(f"{path} is no file: only without --background may it be a pipe or a device.")
    if "source" in options:
        checked_source(options["source"])
    arguments = {
        "path": str(file.absolute()),
        "report": None if report is None else str(report.absolute()),
        "options": dict(options),
    }
    operation_id = asyncio.run(_asked(kind, email, arguments))
    if as_json:
        # What nearly no command needs, and takes its time to load.
        from graphql_schema.node import global_id  # noqa: PLC0415

        typer.echo(orjson.dumps({"operation": str(operation_id), "id": global_id("Operation", operation_id)}))
    else:
        typer.echo(f"A worker will do it. Follow it: lectern operations watch {operation_id}")


def refuse_owner(owner: str | None) -> None:
    """For imports that wait for their end. Raises Refused."""
    if owner is not None:
        raise Refused("--owner goes with --background; whose the courses are says --instructor.")


async def _asked(kind: OperationKind, email: str, arguments: Mapping[str, Any]) -> UUID:
    metrics = Metrics()
    handover = Handover(connected_settings().redis, metrics)
    try:
        async with connected_database() as database:
            # Whoever follows an import may have courses: nobody else could do anything about it.
            owner_id = await instructor_of_import(database, email)
            async with database.transaction() as tx:
                return await service.begin(
                    tx, Outbox(handover, metrics), kind=kind, owner_id=owner_id, arguments=arguments
                )
    finally:
        await handover.close()
