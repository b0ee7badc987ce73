"""Groups of settings that concern our own programs: how they serve, work, and trust."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from app.settings.reading import SECRET, comma_separated, group, secrets_from_files


class HttpSettings(BaseSettings):
    model_config = group("LECTERN_HTTP_")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on; `lectern dev` also takes PORT.")
    body_limit: int = Field(65_536, ge=1024, description="Bytes a request body may have.")
    operation_timeout: float = Field(10.0, gt=0, description="Seconds one GraphQL operation may take.")
    head_timeout: float = Field(
        10.0, gt=0, description="Seconds for the head of a request, from connecting or from its first byte."
    )
    keep_alive: float = Field(15.0, gt=0, description="Seconds an idle connection stays open.")
    shutdown_grace: float = Field(
        20.0, gt=0, description="Seconds that running requests get when the server stops."
    )
    backlog: int = Field(2048, ge=1, description="Connections the kernel may queue.")


class WorkerSettings(BaseSettings):
    model_config = group("LECTERN_WORKER_")

    host: str = Field("127.0.0.1", description="Address on which `lectern worker` tells about itself.")
    port: int = Field(
        8001, ge=0, le=65535, description="Its port, for /healthz, /readyz and /metrics; 0 is none."
    )
    max_jobs: int = Field(10, ge=1, description="Jobs that run at once in a worker.")
    shutdown_grace: float = Field(20.0, gt=0, description="Seconds that jobs get when the worker stops.")


class ProgressSettings(BaseSettings):
    model_config = group("LECTERN_PROGRESS_")
    _files = model_validator(mode="before")(secrets_from_files)

    redis_url: str = Field(
        "",
        repr=False,
        json_schema_extra=SECRET,
        description="redis:// address of the Valkey or Redis in which viewers' progress waits for PostgreSQL, if it has one "
        "of its own, which syncs before it answers; empty: that of `LECTERN_REDIS_URL`.",
    )
    flush_interval: float = Field(
        5.0,
        gt=0,
        le=10,
        description="Seconds between two flushes of a worker: what an emptied Redis may cost of viewers' progress.",
    )
    flush_size: int = Field(1000, ge=1, le=10_000, description="Videos of viewers in one transaction.")
    flush_lease: float = Field(
        30.0, ge=1, description="Seconds after which what a dead worker was flushing is flushed by another."
    )
    buffer_limit: int = Field(
        200_000,
        ge=1,
        description="Videos of viewers that may wait in Redis, usually some 700 bytes each; more is to be sent again later.",
    )
    buffer_bytes: int = Field(
        200_000_000,
        ge=1,
        description="Bytes that they may take up there; more is to be sent again later. Give Redis twice that.",
    )
    access_lifetime: float = Field(
        60.0,
        gt=0,
        le=60,
        description="Seconds for which a process takes a viewer's progress after they have withdrawn, at most.",
    )
    outage_patience: float = Field(
        600.0,
        ge=0,
        description="Seconds for which progress of known viewers is taken while PostgreSQL does not answer.",
    )


class GraphQLSettings(BaseSettings):
    model_config = group("LECTERN_GRAPHQL_")

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
    model_config = group("LECTERN_")

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
    registrations_per_address: int = Field(
        30,
        ge=2,
        description="Accounts a minute that one client address (IPv6: /64) may make; then it rests, longer each time.",
    )
    signing_keys: SecretStr = Field(
        SecretStr(""),
        description="JSON object, kid -> PEM private key (Ed25519 or P-256). The first signs, all verify. "
        "Required by `lectern serve`.",
    )
    signing_keys_file: Path | None = Field(
        None, description="File with the same JSON, instead of the variable."
    )


class OriginSettings(BaseSettings):
    model_config = group("LECTERN_")

    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins of browsers' pages that may call us, comma separated."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Addresses whose X-Forwarded-For is believed, comma separated."
    )

    _split = field_validator("allowed_origins", "trusted_proxies", mode="before")(comma_separated)
