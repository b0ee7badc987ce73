"""Runs our programs in processes of their own, a second quicker than new interpreters would."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Any

_ROOT = Path(__file__).parents[2]
_starting = Lock()
_LONGEST = 100  # bytes: more than two numbers take

LECTERN = [sys.executable, "-c", "from app.cli import main; main()"]
INSTALLED = [str(Path(sys.executable).with_name("lectern"))]
"""What people start: never a fork. Some test of each command starts it so, for a fork has imported everything already, in
another order and before it got its environment.
"""


class Fork:
    """What tests use of a Popen, for a child of the server's."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        files: Sequence[IO[Any]],
        *,
        session: bool,
    ) -> None:
        script = None if command[: len(LECTERN)] == LECTERN else command[1]
        message = {
            "script": script,
            "arguments": command[len(LECTERN) :] if script is None else command[2:],
            "environment": dict(environment),
            "folder": str(Path.cwd()),
            "session": session,
        }
        self._command = list(command)
        told, tells = os.pipe()
        self._told = os.fdopen(told, "rb", buffering=0)
        try:
            with _starting:
                descriptors = [*(file.fileno() for file in files), tells]
                socket.send_fds(_server(), [json.dumps(message).encode()], descriptors)
        finally:
            os.close(tells)
        # Its number at once, its exit code at its end; perhaps together.
        number, _, code = self._told.read(_LONGEST).decode().partition(" ")
        self.pid = int(number)
        self._code: str = code

    @property
    def returncode(self) -> int | None:
        return int(self._code) if self._code else None

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._look(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self._command, timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        self._told.close()

    def _look(self, timeout: float | None) -> int | None:
        if not self._code and select.select([self._told], [], [], timeout)[0]:
            self._code = self._told.read(_LONGEST).decode()
        return self.returncode


def can_fork(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether it is `lectern` or a script of ours, with this project's modules and this interpreter's settings."""
    if _of_interpreter(environment) != {**_of_interpreter(os.environ), "PYTHONPATH": str(_ROOT)}:
        return False
    return command[: len(LECTERN)] == LECTERN or (command[0] == sys.executable and command[1].endswith(".py"))


def _of_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


def run_command(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: str = "",
    patience: float,
    fresh: bool = False,
) -> "subprocess.CompletedProcess[str]":
    """`lectern` to its end; `fresh`, in an interpreter of its own. Raises TimeoutExpired after `patience` seconds."""
    if fresh:
        return subprocess.run(
            [*INSTALLED, *arguments],
            env=dict(environment),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
    with TemporaryFile("w+") as given, TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        given.write(stdin)
        given.seek(0)
        process = Fork([*LECTERN, *arguments], environment, [given, output, errors], session=False)
        try:
            code = process.wait(patience)
        finally:
            process.kill()
            process.close()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, output.read(), errors.read())


@cache
def _server() -> socket.socket:
    """One for each process of the suite; it ends with it, however that ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.command_server", str(theirs.fileno())],
            cwd=_ROOT,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
