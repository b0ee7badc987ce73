"""Runs programs in processes of their own that need not import ours first: forks of this one, which has.

`python -m tests.support.command_server DESCRIPTOR`: a socket on which each message is one program, with four descriptors:
its input, its output, its errors, and where its number and its exit code are written. It ends when the socket is closed.
"""

import gc
import json
import os
import runpy
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import app.asgi  # noqa: F401 - what most programs import
import workers.main  # noqa: F401 - as above
from app.cli import main

_ROOT = Path(__file__).parents[2]
_LARGEST = 1_000_000  # bytes of a message


def serve(control: socket.socket) -> dict[str, Any] | None:
    """Returns a program in the process that is to be it, and None in the server at its end."""
    assert threading.active_count() == 1, "a fork would lack the other threads, and keep their locks"
    # Forks share what is there now: no collection shall touch it.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, _LARGEST, 4)
        if not message:
            return None
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            *standard, result = descriptors
            number = os.fork()
            if number == 0:
                os.close(result)
                program: dict[str, Any] = json.loads(message)
                _become(program, standard)
                return program
            _wait(number, standard, result)
        for descriptor in descriptors:
            os.close(descriptor)


def _become(program: dict[str, Any], standard: list[int]) -> None:
    if program["session"]:
        os.setsid()
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(program["folder"])
    os.environ.clear()
    os.environ.update(program["environment"])
    sys.argv = [program["script"] or "lectern", *program["arguments"]]
    sys.path[:1] = [str(Path(program["script"]).parent) if program["script"] else "", str(_ROOT)]


def _wait(number: int, standard: list[int], result: int) -> None:
    """Beside each program: tells how it ended, by a signal too."""
    try:
        for descriptor in standard:
            os.close(descriptor)
        os.write(result, f"{number} ".encode())
        _, status = os.waitpid(number, 0)
        os.write(result, str(os.waitstatus_to_exitcode(status)).encode())
    finally:
        os._exit(0)


if __name__ == "__main__" and (becomes := serve(socket.socket(fileno=int(sys.argv[1])))):
    if becomes["script"]:
        runpy.run_path(becomes["script"], run_name="__main__")
    else:
        main()
