"""How groups of settings are read from the environment, and secrets from files."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict


def group(prefix: str) -> SettingsConfigDict:
    return SettingsConfigDict(env_prefix=prefix, frozen=True, extra="ignore")


def comma_separated(value: object) -> object:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


SECRET: Final[JsonDict] = {"secret": True}
"""Marks a setting whose variable may be replaced by one that ends in _FILE. Its group needs `_files` below."""


def secrets_from_files(cls: type[BaseSettings], values: Any) -> Any:
    """A container's secret is a file; `docker inspect` and /proc show variables. Not pydantic's `secrets_dir`: it wants

    files that are named like the variables in one folder, and prefers one of the two where both are given.
    """
    for name, variable in secrets_of(cls):
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


def secrets_of(settings: type[BaseSettings]) -> Iterator[tuple[str, str]]:
    """Field and variable of each secret of a group."""
    for name, field in settings.model_fields.items():
        if field.json_schema_extra == SECRET:
            yield name, f"{settings.model_config.get('env_prefix', '')}{name}".upper()
