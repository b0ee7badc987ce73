"""Runs `lectern ...` in processes of their own that need not import the program first: forks of this one, which has.

`python command_server.py DESCRIPTOR`: a socket on which each message is one command, with four descriptors: its input,
its output, its errors, and where its number and its exit code are written. It ends when the socket is closed.
"""

import gc
import json
import os
import signal
import socket
import sys

from app.cli import main

_LARGEST = 1_000_000  # bytes of a message


def serve(control: socket.socket) -> bool:
    """Returns in a process that is to be a command (True), and in the server at its end."""
    # Forks share what is there now: no collection shall touch it.
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, _LARGEST, 4)
        if not message:
            return False
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            *standard, result = descriptors
            command = os.fork()
            if command == 0:
                os.close(result)
                _become(json.loads(message), standard)
                return True
            _wait(command, result)
        for descriptor in descriptors:
            os.close(descriptor)


def _become(command: dict[str, object], standard: list[int]) -> None:
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(str(command["folder"]))
    os.environ.clear()
    os.environ.update(command["environment"])  # type: ignore[call-overload]
    sys.argv = ["lectern", *command["arguments"]]  # type: ignore[misc]


def _wait(command: int, result: int) -> None:
    """Beside each command: tells how it ended, by a signal too."""
    try:
        os.write(result, f"{command} ".encode())
        _, status = os.waitpid(command, 0)
        os.write(result, str(os.waitstatus_to_exitcode(status)).encode())
    finally:
        os._exit(0)


if __name__ == "__main__" and serve(socket.socket(fileno=int(sys.argv[1]))):
    main()
