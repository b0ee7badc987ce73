"""Every setting of Lectern, frozen, read from the environment in one place: nothing else reads it.

A group's variables carry its prefix: `LECTERN_DATABASE_URL`, `LECTERN_HTTP_PORT`. Times are seconds, sizes bytes.
"""

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from app.settings import reading
from app.settings.programs import (
    AuthenticationSettings,
    GraphQLSettings,
    HttpSettings,
    OriginSettings,
    ProgressSettings,
    WorkerSettings,
)
from app.settings.services import (
    CacheSettings,
    DatabaseSettings,
    MailSettings,
    PubSubSettings,
    RedisSettings,
    StorageSettings,
)

__all__ = [
    "GROUPS",
    "AuthenticationSettings",
    "CacheSettings",
    "DatabaseSettings",
    "GraphQLSettings",
    "HttpSettings",
    "MailSettings",
    "Mode",
    "OriginSettings",
    "ProgressSettings",
    "PubSubSettings",
    "RedisSettings",
    "Settings",
    "StorageSettings",
    "WorkerSettings",
    "unknown_variables",
    "variables",
    "wrong_values",
]


class Mode(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """All groups. Built once by a program and handed down; tests build their own."""

    model_config = reading.group("LECTERN_")

    mode: Mode = Field(Mode.PRODUCTION, description="`lectern dev` sets development.")
    home: Path = Field(
        Path(".lectern"), description="Folder of the embedded services' data and of generated keys."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    pubsub: PubSubSettings = Field(default_factory=PubSubSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    progress: ProgressSettings = Field(default_factory=ProgressSettings)
    graphql: GraphQLSettings = Field(default_factory=GraphQLSettings)
    authentication: AuthenticationSettings = Field(default_factory=AuthenticationSettings)
    mail: MailSettings = Field(default_factory=MailSettings)
    origins: OriginSettings = Field(default_factory=OriginSettings)

    @property
    def development(self) -> bool:
        return self.mode is Mode.DEVELOPMENT

    @property
    def progress_redis(self) -> RedisSettings:
        """Where viewers' progress waits."""
        return self.redis.model_copy(update={"url": self.progress.redis_url or self.redis.url})

    @property
    def redis_servers(self) -> dict[str, RedisSettings]:
        """By the variable that names each. The last one is where viewers' progress waits."""
        named = {"LECTERN_REDIS_URL": self.redis, "LECTERN_PROGRESS_REDIS_URL": self.progress_redis}
        return {
            name: server for name, server in named.items() if server is self.redis or self.progress.redis_url
        }

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
    CacheSettings,
    PubSubSettings,
    StorageSettings,
    HttpSettings,
    WorkerSettings,
    ProgressSettings,
    GraphQLSettings,
    AuthenticationSettings,
    MailSettings,
    OriginSettings,
)


def variables() -> Iterator[tuple[str, FieldInfo]]:
    """Every environment variable that is a setting, with its field."""
    for group in GROUPS:
        secrets = dict(reading.secrets_of(group))
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
