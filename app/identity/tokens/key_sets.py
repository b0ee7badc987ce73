"""A set of signing keys as text: a JSON object, kid -> PEM private key. The first signs, all verify."""

import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.identity.errors import SigningKeyError

_KID = re.compile(r"[A-Za-z0-9._-]{1,64}")

KeySet = dict[str, str]


class _Members(list[tuple[str, Any]]):
    """An object's members in order, two of one name included: a dictionary would hide one."""


class Algorithm(StrEnum):
    """JOSE names: Ed25519 is EdDSA, P-256 is ES256."""

    EDDSA = "EdDSA"
    ES256 = "ES256"


def generate(algorithm: Algorithm = Algorithm.EDDSA) -> tuple[str, str]:
    """A new kid and its PEM private key. The kid begins with the day: a list of keys tells their age."""
    private_key = (
        Ed25519PrivateKey.generate()
        if algorithm is Algorithm.EDDSA
        else ec.generate_private_key(ec.SECP256R1())
    )
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)}", pem


def parse(text: str, *, source: str) -> KeySet:
    """Reads the JSON form. Raises SigningKeyError; its text names `source` and never quotes the content."""
    try:
        pairs = json.loads(text, object_pairs_hook=_Members)
    except (ValueError, RecursionError):
        raise SigningKeyError(f"{source} is not JSON.") from None
    if not isinstance(pairs, _Members):
        raise SigningKeyError(f"{source} must be a JSON object that maps a key's name to its PEM text.")
    if not pairs:
        raise SigningKeyError(f"{source} holds no key.")
    for kid, pem in pairs:
        if not _KID.fullmatch(kid):
            raise SigningKeyError(
                f"{source} has a key whose name is not 1 to 64 letters, digits, dots, dashes."
            )
        if not isinstance(pem, str):
            raise SigningKeyError(f"{source} has a key, {kid}, that is not text.")
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise SigningKeyError(f"{source} has two keys of one name.")
    return keys


def dump(keys: KeySet) -> str:
    """The JSON form on one line, fit for an environment variable."""
    return json.dumps(keys)


def read(path: Path) -> KeySet:
    """Reads a key file. Raises SigningKeyError when it cannot be read or is not a key set."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SigningKeyError(f"The key file {path} cannot be read: {reason}.") from None
    return parse(text, source=f"The key file {path}")


def write(path: Path, keys: KeySet) -> None:
    """Replaces the file in one step, readable by its owner alone; a crash leaves the old or the new."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(dump(keys) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_or_create(path: Path) -> KeySet:
    """The file's keys; where there is none, one is made. Processes that start together get the same."""
    if not path.exists():
        with locked(path):
            if not path.exists():
                write(path, dict([generate()]))
    return read(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the file's folder: reading, changing and writing are one step. Raises SigningKeyError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise SigningKeyError(f"The folder {path.parent} cannot be used: {error.strerror}.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise SigningKeyError(f"The key file {path} cannot be written: {error.strerror}.") from None
    finally:
        os.close(descriptor)
