"""One child process: started as the right user, stopped in time, never left behind."""

import contextlib
import errno
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

_LAUNCHER = str(Path(__file__).with_name("launch.py"))
_POLL = 0.02  # seconds
_LOG_LIMIT = 10_000_000  # bytes; a longer log starts anew


class EmbeddedError(Exception):
    """One sentence for the user: what is wrong and how to mend it."""


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turns what the file system refuses into an EmbeddedError about `folder`."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise no_space(folder) from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ELOOP}:
            advice = "make the folder writable or choose another with LECTERN_HOME=/some/folder"
            if os.geteuid() == 0 and error.errno in {errno.EACCES, errno.EPERM}:
                advice = "this root lacks the usual rights, run Lectern as an ordinary user"
            raise EmbeddedError(
                f"{error.filename or folder} cannot be used ({error.strerror}): {advice}."
            ) from error
        raise


def no_space(folder: Path) -> EmbeddedError:
    return EmbeddedError(
        f"No space left for {folder}: free some, or choose another disk with LECTERN_HOME=/some/folder."
    )


def service_user(folder: Path) -> tuple[int, int]:
    """(user, group) that services run as, (0, 0) for our own: PostgreSQL refuses root.

    A folder that an ordinary user made keeps its owner: one start as root must not lock them out.
    """
    if os.geteuid() != 0:
        return 0, 0
    with contextlib.suppress(FileNotFoundError):
        owner = folder.stat()
        if owner.st_uid:
            return owner.st_uid, owner.st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return nobody.pw_uid, nobody.pw_gid


def private_folder(folder: Path) -> tuple[int, int]:
    """Makes `folder` (0700) and hands it to the service's user, who is returned."""
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        user = service_user(folder)
        if any(user):
            os.chown(folder, *user)
        folder.chmod(0o700)
    return user


def private_file(path: Path, content: str) -> None:
    """Writes a file that only the service's user reads (0600); complete or not at all."""
    with explained(path.parent):
        owner = path.parent.stat()
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        draft.replace(path)


def free_port(preferred: int | None = None) -> int:
    """A loopback TCP port that nobody listens on; `preferred` if free, so that addresses stay."""
    for port in (preferred or 0, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise EmbeddedError("No free port on 127.0.0.1: close some programs.")


def free_space(folder: Path) -> int:
    """Bytes that are free where `folder` lies."""
    return shutil.disk_usage(folder).free


class Process:
    """A program in a session of its own: the terminal's Ctrl-C and hang-up do not reach it.

    When the parent's thread ends, the kernel sends `stop_signal` (Linux): start it from the main thread.
    """

    def __init__(
        self, command: Sequence[str], *, folder: Path, log: Path, stop_signal: signal.Signals, stdin: str = ""
    ) -> None:
        self.name = Path(command[0]).name
        self._command = command
        self._folder = folder
        self._log = log
        self._stop_signal = stop_signal
        user, group = private_folder(folder)
        if not os.access(command[0], os.X_OK):
            raise EmbeddedError(
                f"{command[0]} is missing or not executable: remove .venv and run `make run` again."
            )
        with explained(folder), log.open("ab") as output:
            if output.tell() > _LOG_LIMIT:
                output.truncate(0)
            self._log_start = output.tell()
            self._child = subprocess.Popen(  # noqa: S603
                [
                    sys.executable,
                    "-I",
                    "-S",
                    _LAUNCHER,
                    str(os.getpid()),
                    str(int(stop_signal)),
                    str(user),
                    str(group),
                    *command,
                ],
                cwd=folder,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Nothing of ours leaks in: PGDATA or a broken locale would change what the servers do.
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
                | {name: value for name, value in os.environ.items() if name.startswith(("LD_", "DYLD_"))},
                start_new_session=True,
                umask=0o077,
            )
        self.pid = self._child.pid
        if stdin and self._child.stdin:
            with self._child.stdin as pipe, contextlib.suppress(BrokenPipeError):
                pipe.write(stdin.encode())

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    @property
    def ended(self) -> str:
        """How the program has ended, in a sentence without its full stop; nothing while it runs. It leaves no zombie."""
        if (status := self._child.poll()) is None:
            return ""
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with code {status}"
        return f"{self.name} has ended {how}, its log is {self._log}"

    def again(self) -> "Process":
        """The same program once more, when it has ended; what it had started is ended too. Returns at once."""
        self.kill()
        return Process(self._command, folder=self._folder, log=self._log, stop_signal=self._stop_signal)

    def wait_until(self, ready: Callable[[], bool], *, timeout: float) -> None:
        """Returns once `ready()`. Raises EmbeddedError if the program ends before, or after `timeout` s."""
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.running:
                raise self.failure()
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"{self.name} did not get ready within {timeout:.0f} seconds: see {self._log}."
                )
            time.sleep(_POLL)

    def finish(self, *, timeout: float) -> None:
        """Waits for a program that ends by itself. Raises EmbeddedError unless it succeeds."""
        try:
            status = self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise EmbeddedError(
                f"{self.name} did not end within {timeout:.0f} seconds: see {self._log}."
            ) from None
        if status != 0:
            raise self.failure()

    def expect_no_error(self) -> None:
        """For programs that go on after an error and end as if all were well. Raises EmbeddedError."""
        if "ERROR" in self.output():
            raise self.failure()

    def output(self) -> str:
        """What the program has said since its start."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def failure(self) -> EmbeddedError:
        """The program's own reason as one sentence."""
        output = self.output()
        if "No space left on device" in output or "Disk quota exceeded" in output:
            return no_space(self._log.parent)
        if "could not look up effective user ID" in output:
            return EmbeddedError(
                f"User {os.geteuid()} has no name on this machine, which PostgreSQL insists on: "
                "add it to /etc/passwd, or set LECTERN_DATABASE_URL and LECTERN_REDIS_URL."
            )
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        telling = [
            line for line in lines if any(word in line for word in ("PANIC", "FATAL", "error:", "ERROR"))
        ]
        reason = (telling or lines or ["it gave no reason"])[-1].removesuffix(".")
        return EmbeddedError(f"{self.name} did not start: {reason}; its log is {self._log}.")

    def stop(self, *, grace: float = 15.0) -> None:
        """Asks the program to end, insists after `grace` seconds; afterwards nothing of it is left."""
        if self.running:
            self._child.send_signal(self._stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(grace)
        self.kill()

    def kill(self) -> None:
        """Ends the program and all it has started, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._child.wait()


def end_leftover(pid: int, argument: str, stop_signal: signal.Signals, *, grace: float = 15.0) -> bool:
    """Stops the leftover `pid` if `argument` is in its command line. Returns whether it was ours."""
    try:
        process = psutil.Process(pid)
        if argument not in process.cmdline():
            return False
        family = [process, *process.children(recursive=True)]
        process.send_signal(stop_signal)
        _, alive = psutil.wait_procs(family, timeout=grace)
        for survivor in alive:
            survivor.kill()
        psutil.wait_procs(alive, timeout=5)
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied as error:
        raise EmbeddedError(
            f"Process {pid} of an earlier run belongs to another user: "
            f"stop it with `sudo kill {pid}` and start again."
        ) from error
    return True
