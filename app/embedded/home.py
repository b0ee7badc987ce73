"""The folder of everything embedded: writable, and used by one program at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.embedded.process import EmbeddedError, explained


@contextmanager
def locked_home(home: Path) -> Iterator[Path]:
    """Makes `home` and holds it for this process. Yields its absolute path. Raises EmbeddedError."""
    home = home.expanduser().absolute()
    with explained(home):
        home.mkdir(parents=True, exist_ok=True)
        # The kernel lets go of the lock when the process ends, however it ends.
        descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EmbeddedError(
                f"Lectern already runs in {home}: stop it first, "
                "or choose another folder with LECTERN_HOME=/some/folder."
            ) from None
        yield home
    finally:
        os.close(descriptor)
