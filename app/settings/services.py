"""Groups of settings that concern what Lectern stands on: the database, Redis, files, mail."""

from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from app.settings.reading import SECRET, group, secrets_from_files


class DatabaseSettings(BaseSettings):
    model_config = group("LECTERN_DATABASE_")
    _files = model_validator(mode="before")(secrets_from_files)

    url: str = Field(
        "",
        repr=False,
        json_schema_extra=SECRET,
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

    def for_batches(self) -> Self:
        """One connection whose statements, and waits for others' chunks, may take as long as an import's."""
        longer = self.batch_statement_timeout
        return self.model_copy(
            update={"pool_size": 1, "statement_timeout": longer, "lock_timeout": longer, "pool_wait": longer}
        )


class RedisSettings(BaseSettings):
    model_config = group("LECTERN_REDIS_")
    _files = model_validator(mode="before")(secrets_from_files)

    url: str = Field(
        "",
        repr=False,
        json_schema_extra=SECRET,
        description="redis:// address of Valkey or Redis; empty in development: an embedded one is started.",
    )
    pool_size: int = Field(20, ge=1, description="Connections a process holds at most.")
    pool_wait: float = Field(0.5, gt=0, description="Seconds to wait for a free connection.")
    connect_timeout: float = Field(1.0, gt=0, description="Seconds to open a connection.")
    command_timeout: float = Field(0.5, gt=0, description="Seconds one command may take.")


class CacheSettings(BaseSettings):
    model_config = group("LECTERN_CACHE_")

    timeout: float = Field(
        0.05, gt=0, description="Seconds Redis may take in all; later the value is computed instead."
    )
    pool_size: int = Field(8, ge=1, description="Connections a process reads its caches with at most.")
    compress_above: int = Field(1024, ge=0, description="Bytes above which a value is compressed.")
    value_limit: int = Field(
        65_536, ge=1024, description="Bytes a value may have, compressed; a larger one is not kept."
    )


class PubSubSettings(BaseSettings):
    model_config = group("LECTERN_PUBSUB_")

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


class StorageSettings(BaseSettings):
    model_config = group("LECTERN_STORAGE_")
    _files = model_validator(mode="before")(secrets_from_files)

    url: str = Field(
        "",
        description="Where files are kept: s3://bucket/prefix, file:///folder, or memory:// for trying; empty: the folder "
        "`storage` of the home.",
    )
    endpoint: str = Field(
        "",
        description="Address of an S3-compatible server; empty: Amazon's, in that region. http:// is not encrypted.",
    )
    public_endpoint: str = Field(
        "", description="Address under which browsers reach that server, for links; empty: the same."
    )
    region: str = Field("us-east-1", description="Region of the bucket.")
    access_key: SecretStr = Field(
        SecretStr(""),
        json_schema_extra=SECRET,
        description="Name of the key for the bucket. Required for s3://.",
    )
    secret_access_key: SecretStr = Field(
        SecretStr(""), json_schema_extra=SECRET, description="The key itself. Required for s3://."
    )
    connect_timeout: float = Field(2.0, gt=0, description="Seconds to reach the S3 server.")
    call_timeout: float = Field(
        2.0, gt=0, description="Seconds to look at a file, open it, delete it, or list the next hundreds."
    )
    write_timeout: float = Field(
        30.0, gt=0, description="Seconds to write a small file, or a part of a large one."
    )
    stall_timeout: float = Field(
        10.0, gt=0, description="Seconds to wait for the next piece of an open file."
    )
    stream_timeout: float = Field(
        3600.0, gt=0, description="Seconds that reading or writing one file may take in all."
    )
    unnamed_lifetime: int = Field(
        30 * 86_400,
        ge=86_400,
        le=100 * 365 * 86_400,
        description="Seconds for which an uploaded video is kept that no lesson names, or none any more.",
    )


class MailSettings(BaseSettings):
    model_config = group("LECTERN_")
    _files = model_validator(mode="before")(secrets_from_files)

    smtp_url: SecretStr = Field(
        SecretStr(""),
        json_schema_extra=SECRET,
        description="smtp:// or smtps:// address of the mail server, user:password@ in it if needed; empty: mails become "
        "files in the folder `mail` of the home.",
    )
    mail_from: str = Field("Lectern <lectern@localhost>", description="Sender of all mails.")
    mail_timeout: float = Field(15.0, gt=0, description="Seconds the mail server may take for each step.")
    mail_connections: int = Field(
        4, ge=1, description="Connections to the mail server that a process may keep open."
    )
    account_url: str = Field(
        "",
        description="Address below which the front end has `verify-email` and `reset-password`, which mails link to; "
        "empty: Lectern's own pages, `/account` under LECTERN_PUBLIC_URL.",
    )
