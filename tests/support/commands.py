"""Runs `lectern ...` to its end, in a process of its own, a second quicker than a new interpreter would."""

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

_ROOT = Path(__file__).parents[2]
_starting = Lock()
_LONGEST = 100  # bytes: more than two numbers take


def run_command(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: str = "",
    patience: float,
) -> "subprocess.CompletedProcess[str]":
    """Raises TimeoutExpired after `patience` seconds."""
    message = {"arguments": list(arguments), "environment": dict(environment), "folder": str(Path.cwd())}
    with TemporaryFile("w+") as given, TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        given.write(stdin)
        given.seek(0)
        descriptors = [file.fileno() for file in (given, output, errors)]
        ended, ends = os.pipe()
        try:
            with _starting:
                socket.send_fds(_server(), [json.dumps(message).encode()], [*descriptors, ends])
        finally:
            os.close(ends)
        with os.fdopen(ended, "rb", buffering=0) as result:
            told = result.read(_LONGEST)
            readable, _, _ = select.select([result], [], [], patience)
            if not readable:
                os.kill(int(told), signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(arguments), patience)
            _, code = (told + result.read(_LONGEST)).split()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(list(arguments), int(code), output.read(), errors.read())


@cache
def _server() -> socket.socket:
    """One for each process of the suite; it ends with it, however that ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("command_server.py")), str(theirs.fileno())],
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            cwd=_ROOT,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
