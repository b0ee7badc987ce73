"""`lectern user`: accounts from the command line; the only way to the first administrator."""

import asyncio
import secrets
import sys
from typing import Annotated, Any

import orjson
import typer
from asyncpg import Record

from app.cli.connection import connected_database
from app.cli.refusal import Refused, refusals
from app.identity import addresses
from app.identity.models import SUCCESS, Role
from app.identity.passwords import MAX_BYTES
from app.identity.service import accounts, audit
from app.identity.service.audit import Attempt

app = typer.Typer(no_args_is_help=True, help="Accounts: make one, change a role.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(  # noqa: PLR0917 - a command's options, given by name
    email: Annotated[str, typer.Option(help="The account's address.")],
    name: Annotated[str, typer.Option(help="The name shown to others.")],
    role: Annotated[Role, typer.Option(help="What the account may do.")] = Role.STUDENT,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
    ] = False,
    generate_password: Annotated[
        bool, typer.Option("--generate-password", help="Make a password and print it, once.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make an account. Asks for the password; where nobody can be asked, makes one and prints it, once."""
    with refusals():
        if password_stdin and generate_password:
            raise Refused("Choose one of --password-stdin and --generate-password.")
        # Before somebody types a password twice for an address that is none.
        addresses.checked_email(email)
        accounts.checked_name(name)
        password = _given_password(from_stdin=password_stdin, generate=generate_password)
        generated = secrets.token_urlsafe(15) if password is None else None
        user = asyncio.run(_create(email, name, role, password or generated or ""))
    _report(user, "Made the account", as_json=as_json, password=generated)


@app.command("set-role")
def set_role(
    email: Annotated[str, typer.Argument(help="The account's address.")],
    role: Annotated[Role, typer.Argument(help="What the account may do from now on.")],
    as_json: AsJson = False,
) -> None:
    """Give an account another role. Its tokens keep the old one until they expire, for 15 minutes at most."""
    with refusals():
        user = asyncio.run(_set_role(email, role))
    _report(user, "Changed the account", as_json=as_json)


async def _create(email: str, name: str, role: Role, password: str) -> Record:
    async with connected_database() as database, database.transaction() as tx:
        user = await accounts.create_user(tx, email=email, name=name, role=role, password=password)
        await audit.record(tx, _by_operator("createUser", user))
        return user


async def _set_role(email: str, role: Role) -> Record:
    async with connected_database() as database, database.transaction() as tx:
        user = await accounts.set_role(tx, email=email, role=role)
        await audit.record(tx, _by_operator("setRole", user))
        return user


def _by_operator(action: str, user: Record) -> Attempt:
    """The audit entry of a command: whoever runs it is known to the machine alone."""
    return Attempt(action, SUCCESS, subject=f"User:{user['id']}", user_agent="lectern user")


def _given_password(*, from_stdin: bool, generate: bool) -> str | None:
    """The password that the operator gives; None when one is to be made."""
    if from_stdin:
        line = sys.stdin.readline(MAX_BYTES + 2).removesuffix("\n").removesuffix("\r")
        if not line:
            raise Refused("Standard input holds no password.")
        return line
    if generate or not sys.stdin.isatty():
        return None
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _report(user: Record, what: str, *, as_json: bool, password: str | None = None) -> None:
    if as_json:
        answer: dict[str, Any] = {name: user[name] for name in ("id", "email", "name", "role")}
        if password is not None:
            answer["password"] = password
        typer.echo(orjson.dumps(answer))
        return
    typer.echo(f"{what} {user['email']} ({user['name']}), {user['role']}.")
    if password is not None:
        typer.echo(f"Its password, shown this once: {password}")
