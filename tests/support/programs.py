"""Runs our programs as real processes and looks for what they leave behind."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support import commands

ROOT = Path(__file__).parents[2]
LECTERN, INSTALLED = commands.LECTERN, commands.INSTALLED
PATIENCE = 100.0  # seconds; only a failure waits that long


def environment(**variables: str) -> dict[str, str]:
    """The test's environment without settings of Lectern, plus `variables`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LECTERN_") and name != "PORT"
    }
    return {**kept, "PYTHONPATH": str(ROOT), **variables}


def lectern(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command to its end."""
    return commands.run_command(arguments, environment(**variables), patience=PATIENCE)


def installed(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """As `lectern`, in an interpreter of its own."""
    return commands.run_command(arguments, environment(**variables), patience=PATIENCE, fresh=True)


class Program:
    """A running command; what it says is collected in files."""

    def __init__(self, command: list[str], folder: Path, variables: Mapping[str, str]) -> None:
        self._output = folder / f"output-{time.monotonic_ns()}"
        self.process: commands.Fork | subprocess.Popen[bytes]
        given = environment(**variables)
        with self._output.open("wb") as output, Path(os.devnull).open() as nothing:
            if commands.can_fork(command, given):
                self.process = commands.Fork(command, given, [nothing, output, output], session=True)
            else:
                self.process = subprocess.Popen(
                    command,
                    env=given,
                    stdin=nothing,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, f"ended while waiting for {what}:\n{self.output}"
            assert time.monotonic() < deadline, f"no {what}:\n{self.output}"
            time.sleep(0.005)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        return self.process.wait(PATIENCE)


@contextmanager
def running(command: list[str], folder: Path, **variables: str) -> Iterator[Program]:
    """Runs `command` during the block."""
    program = Program(command, folder, variables)
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.process.kill()
        program.process.wait()
        if isinstance(program.process, commands.Fork):
            program.process.close()


def processes_of(folder: Path) -> list[psutil.Process]:
    """Every process that works in `folder` or names it: servers, their children, half-started programs."""
    found = []
    for process in psutil.process_iter():
        try:
            # A server's workers carry no path in their titles, but have its data folder as their current one.
            if str(folder) in " ".join(process.cmdline()) or process.cwd().startswith(str(folder)):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return [process for process in found if process.pid != os.getpid()]


def wait_until_none(folder: Path) -> None:
    """The kernel's signal to orphans needs a moment. Fails when something stays."""
    deadline = time.monotonic() + PATIENCE
    while left := processes_of(folder):
        assert time.monotonic() < deadline, [process.cmdline() for process in left]
        time.sleep(0.02)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
