"""Every setting of Lectern, frozen, read from the environment in one place: nothing else reads it.

A group's variables carry its prefix: `LECTERN_DATABASE_URL`, `LECTERN_HTTP_PORT`. Times are seconds, sizes bytes.
"""

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _group(prefix: str) -> SettingsConfigDict:
    return SettingsConfigDict(env_prefix=prefix, frozen=True, extra="ignore")


def _comma_separated(value: object) -> object:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


_SECRET: Final[JsonDict] = {"secret": True}
"""Marks a setting whose variable may be replaced by one that ends in _FILE. Its group needs `_files` below."""


def _secrets_from_files(cls: type[BaseSettings], values: Any) -> Any:
    """A container's secret is a file; `docker inspect` and /proc show variables. Not pydantic's `secrets_dir`: it wants

    files that are named like the variables in one folder, and prefers one of the two where both are given.
    """
    for name, variable in _secrets(cls):
        file = os.environ.get(f"{variable}_FILE")
        if not file:
            continue
        if os.environ.get(variable):
            raise PydanticCustomError("both", f"Set either {variable} or {variable}_FILE, not both")
        if values.get(name):
            continue  # said by the program itself
        try:
            # Editors end a file with a new line, secrets do not.
            values[name] = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise PydanticCustomError(
                "file", f"The file of {variable}_FILE cannot be read: {reason}"
            ) from None
        if not values[name]:
            raise PydanticCustomError("file", f"The file of {variable}_FILE is empty")
    return values


def _secrets(group: type[BaseSettings]) -> Iterator[tuple[str, str]]:
    """Field and variable of each secret of a group."""
    for name, field in group.model_fields.items():
        if field.json_schema_extra == _SECRET:
            yield name, f"{group.model_config.get('env_prefix', '')}{name}".upper()


class Mode(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class DatabaseSettings(BaseSettings):
    model_config = _group("LECTERN_DATABASE_")
    _files = model_validator(mode="before")(_secrets_from_files)

    url: str = Field(
        "",
        repr=False,
        json_schema_extra=_SECRET,
        description="postgresql:// address of PostgreSQL 18; empty in development: an embedded one is started.",
    )
    pool_size: int = Field(10, ge=1, description="Connections a process holds at most.")
    pool_wait: float = Field(
        2.0, gt=0, description="Seconds to wait for a free connection before answering 503."
    )
    pool_age: float = Field(300.0, ge=0, description="Seconds an idle connection is kept.")
    connect_timeout: float = Field(5.0, gt=0, description="Seconds to open a connection.")
    statement_timeout: float = Field(
        2.0, gt=0, description="Seconds one statement of a user's request may run."
    )
    batch_statement_timeout: float = Field(
        60.0, gt=0, description="Seconds one statement of an import may run."
    )
    lock_timeout: float = Field(1.0, gt=0, description="Seconds to wait for a row lock.")
    idle_in_transaction_timeout: float = Field(10.0, gt=0, description="Seconds a transaction may sit idle.")
    statement_cache_size: int = Field(
        500, ge=0, description="Prepared statements kept per connection; none are behind PgBouncer."
    )
    pgbouncer: bool = Field(
        False,
        description="The address is that of a PgBouncer in transaction mode. No statement is kept prepared, and the time "
        "limits are those that PgBouncer sets.",
    )


class RedisSettings(BaseSettings):
    model_config = _group("LECTERN_REDIS_")
    _files = model_validator(mode="before")(_secrets_from_files)

    url: str = Field(
        "",
        repr=False,
        json_schema_extra=_SECRET,
        description="redis:// address of Valkey or Redis; empty in development: an embedded one is started.",
    )
    pool_size: int = Field(20, ge=1, description="Connections a process holds at most.")
    pool_wait: float = Field(0.5, gt=0, description="Seconds to wait for a free connection.")
    pool_age: float = Field(
        30.0, gt=0, description="Seconds after which an idle connection is checked before use."
    )
    connect_timeout: float = Field(1.0, gt=0, description="Seconds to open a connection.")
    command_timeout: float = Field(0.5, gt=0, description="Seconds one command may take.")


class PubSubSettings(BaseSettings):
    model_config = _group("LECTERN_PUBSUB_")

    channel_prefix: str = Field(
        "lectern:",
        description="Begins the name of every channel. Channels cross Redis's database numbers: give each Lectern on "
        "the same server another.",
    )
    queue_size: int = Field(
        256, ge=1, description="Messages that may wait for a subscriber; one more ends it."
    )
    queue_bytes: int = Field(1_048_576, ge=1024, description="Bytes that may wait for a subscriber.")
    message_limit: int = Field(65_536, ge=1024, description="Bytes a message may have.")
    subscribe_timeout: float = Field(
        1.0, gt=0, description="Seconds to wait for Redis; later the subscriber hears of a gap."
    )
    publish_timeout: float = Field(0.5, gt=0, description="Seconds publishing a message may take in all.")
    publish_pool_size: int = Field(4, ge=1, description="Connections a process publishes with at most.")
    silence: float = Field(
        1.0,
        gt=0,
        description="Seconds without a byte after which Redis is asked for an answer; after as many again it is lost.",
    )
    reconnect_delay: float = Field(
        0.75, gt=0, description="Seconds between two attempts to reach Redis again, at most."
    )


class HttpSettings(BaseSettings):
    model_config = _group("LECTERN_HTTP_")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on; `lectern dev` also takes PORT.")
    body_limit: int = Field(65_536, ge=1024, description="Bytes a request body may have.")
    operation_timeout: float = Field(10.0, gt=0, description="Seconds one GraphQL operation may take.")
    keep_alive: float = Field(15.0, gt=0, description="Seconds an idle connection stays open.")
    shutdown_grace: float = Field(
        20.0, gt=0, description="Seconds that running requests get when the server stops."
    )
    backlog: int = Field(2048, ge=1, description="Connections the kernel may queue.")


class WorkerSettings(BaseSettings):
    model_config = _group("LECTERN_WORKER_")

    host: str = Field("127.0.0.1", description="Address on which `lectern worker` tells about itself.")
    port: int = Field(
        8001, ge=0, le=65535, description="Its port, for /healthz, /readyz and /metrics; 0 is none."
    )
    max_jobs: int = Field(10, ge=1, description="Jobs that run at once in a worker.")
    shutdown_grace: float = Field(20.0, gt=0, description="Seconds that jobs get when the worker stops.")


class GraphQLSettings(BaseSettings):
    model_config = _group("LECTERN_GRAPHQL_")

    max_tokens: int = Field(1000, ge=1, description="Lexical tokens a document may have.")
    max_depth: int = Field(12, ge=1, description="Depth of nested fields, fragments expanded.")
    max_aliases: int = Field(30, ge=0, description="Aliases in a document, fragments expanded.")
    max_root_fields: int = Field(10, ge=1, description="Root fields of one operation, fragments expanded.")
    max_nodes: int = Field(
        50_000, ge=1, description="Objects a document may ask for: the product of its list sizes."
    )
    document_cache_size: int = Field(
        1000, ge=1, description="Parsed and validated documents kept per process."
    )
    introspection: bool | None = Field(
        None, description="Answer introspection; default: in development only."
    )
    ide: bool | None = Field(None, description="Serve the IDE on GET /; default: in development only.")


class AuthenticationSettings(BaseSettings):
    model_config = _group("LECTERN_")

    public_url: str = Field(
        "", description="Address under which users reach Lectern: links in mails, issuer of tokens."
    )
    audience: str = Field("lectern", description="`aud` of access tokens.")
    access_token_lifetime: int = Field(900, ge=60, le=43_200, description="Seconds an access token is valid.")
    refresh_token_lifetime: int = Field(604_800, ge=60, description="Seconds a refresh token is valid.")
    refresh_repeat_window: float = Field(
        10.0,
        ge=0,
        description="Seconds in which a used refresh token is answered with the same successor again: two tabs, "
        "a lost answer. Later it counts as stolen.",
    )
    clock_skew: int = Field(
        30, ge=0, le=60, description="Seconds by which other machines' clocks may differ."
    )
    sign_in_attempts: int = Field(
        5, ge=2, description="Wrong passwords a minute for one account; then it rests, longer each time."
    )
    sign_in_attempts_per_address: int = Field(
        5,
        ge=2,
        description="The same for one client address (IPv6: /64). Raise it where many people share one.",
    )
    signing_keys: SecretStr = Field(
        SecretStr(""),
        description="JSON object, kid -> PEM private key (Ed25519 or P-256). The first signs, all verify. "
        "Required by `lectern serve`.",
    )
    signing_keys_file: Path | None = Field(
        None, description="File with the same JSON, instead of the variable."
    )


class MailSettings(BaseSettings):
    model_config = _group("LECTERN_")
    _files = model_validator(mode="before")(_secrets_from_files)

    smtp_url: SecretStr = Field(
        SecretStr(""),
        json_schema_extra=_SECRET,
        description="smtp:// or smtps:// address of the mail server, user:password@ in it if needed; empty: mails become "
        "files in the folder `mail` of the home.",
    )
    mail_from: str = Field("Lectern <lectern@localhost>", description="Sender of all mails.")
    mail_timeout: float = Field(15.0, gt=0, description="Seconds the mail server may take for each step.")
    mail_waiting_limit: int = Field(
        1000, ge=1, description="Mails that may wait in a process; one more is dropped."
    )
    account_url: str = Field(
        "",
        description="Address below which the front end has `verify-email` and `reset-password`, which mails link to; "
        "empty: Lectern's own pages, `/account` under LECTERN_PUBLIC_URL.",
    )


class OriginSettings(BaseSettings):
    model_config = _group("LECTERN_")

    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins of browsers' pages that may call us, comma separated."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Addresses whose X-Forwarded-For is believed, comma separated."
    )

    _split = field_validator("allowed_origins", "trusted_proxies", mode="before")(_comma_separated)


class Settings(BaseSettings):
    """All groups. Built once by a program and handed down; tests build their own."""

    model_config = _group("LECTERN_")

    mode: Mode = Field(Mode.PRODUCTION, description="`lectern dev` sets development.")
    home: Path = Field(
        Path(".lectern"), description="Folder of the embedded services' data and of generated keys."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    pubsub: PubSubSettings = Field(default_factory=PubSubSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    graphql: GraphQLSettings = Field(default_factory=GraphQLSettings)
    authentication: AuthenticationSettings = Field(default_factory=AuthenticationSettings)
    mail: MailSettings = Field(default_factory=MailSettings)
    origins: OriginSettings = Field(default_factory=OriginSettings)

    @property
    def development(self) -> bool:
        return self.mode is Mode.DEVELOPMENT

    @property
    def introspection(self) -> bool:
        return self.development if self.graphql.introspection is None else self.graphql.introspection

    @property
    def ide(self) -> bool:
        return self.development if self.graphql.ide is None else self.graphql.ide


# In the order in which documents list them.
GROUPS: tuple[type[BaseSettings], ...] = (
    Settings,
    DatabaseSettings,
    RedisSettings,
    PubSubSettings,
    HttpSettings,
    WorkerSettings,
    GraphQLSettings,
    AuthenticationSettings,
    MailSettings,
    OriginSettings,
)


def variables() -> Iterator[tuple[str, FieldInfo]]:
    """Every environment variable that is a setting, with its field."""
    for group in GROUPS:
        secrets = dict(_secrets(group))
        for name, field in group.model_fields.items():
            if field.annotation in GROUPS:
                continue
            yield f"{group.model_config.get('env_prefix', '')}{name}".upper(), field
            if name in secrets:
                meaning = "File with the same, instead of the variable."
                yield f"{secrets[name]}_FILE", FieldInfo(annotation=Path, default=None, description=meaning)


def unknown_variables() -> list[str]:
    """Variables of the environment that look like settings and are none: most likely misspelt."""
    known = {name for name, _ in variables()}
    return sorted(
        name for name in os.environ if name.upper().startswith("LECTERN_") and name.upper() not in known
    )


def wrong_values(error: ValidationError) -> list[str]:
    """A sentence for each value that a group refused; it names the variable and never shows a value."""
    group = next((group for group in GROUPS if group.__name__ == error.title), None)
    prefix = group.model_config.get("env_prefix", "") if group else ""
    sentences = []
    for detail in error.errors(include_url=False, include_input=False):
        name = f"{prefix}{'_'.join(map(str, detail['loc']))}".upper()
        sentences.append(f"{name} does not fit: {detail['msg']}." if detail["loc"] else f"{detail['msg']}.")
    return sentences
