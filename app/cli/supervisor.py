"""Several processes on one port: started, watched, replaced when they die, ended together.

Each has a listening socket of its own on the same port (SO_REUSEPORT), so that the kernel spreads connections evenly; one
shared socket would give a burst to whoever wakes first. The supervisor keeps every socket open: connections that wait for
a process which has died are answered by its replacement. It forks before any event loop or thread exists, so the schema
is built once and its memory shared.
"""

import contextlib
import gc
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from app.cli.refusal import Refused
from app.cli.signals import ENDING, Ending

_MARGIN = 3.0  # seconds that a process gets beyond its own limit, to close what it has open
_LONGEST_PAUSE = 30.0  # seconds between attempts to start what fails to start

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Post:
    """What a process is given: its number, its socket, a descriptor that ends when it is to stop, whom to tell."""

    number: int
    listener: socket.socket
    lifeline: int
    ending: Ending
    ready: Callable[[], None]


class Supervisor:
    """`run` forks a process for each listener and returns when all have ended."""

    def __init__(
        self, work: Callable[[Post], None], listeners: Sequence[socket.socket], *, grace: float
    ) -> None:
        """`work` is what a process does; `grace` the seconds it takes at most once it is to stop."""
        self._work = work
        self._listeners = listeners
        self._grace = grace
        # A process sees the end of this pipe when the supervisor closes it, and also when the supervisor is killed.
        self._lifeline, self._hand = os.pipe()
        self._news, self._tell = os.pipe()
        os.set_blocking(self._news, False)
        self._numbers: dict[int, int] = {}  # of living processes, by their ids
        self._ready: set[int] = set()
        self._failures = dict.fromkeys(range(len(listeners)), 0)
        self._due: dict[int, float] = {}
        self._asked = 0
        self._deadline: float | None = None
        self._complete = False

    def run(self, ending: Ending, *, ready: Callable[[], None]) -> None:
        """Returns when a signal has ended all; a second one kills. Raises Refused when one cannot be started at first."""
        gc.collect()
        gc.freeze()  # pages that the collector does not write stay shared
        failed = False
        with ending.serving(self._ask), self._alarm() as alarm:
            for number in self._failures:
                self._fork(number)
            while self._numbers or (self._deadline is None and self._due):
                self._wait(alarm)
                self._hear(ready)
                for number in self._reap():
                    failed = failed or not self._complete
                    if not failed and self._deadline is None and not self._asked:
                        self._plan(number)
                if self._deadline is None and (self._asked or failed):
                    self._stop()
                if self._asked > 1 or self._overdue():
                    self._kill()
                self._replace()
        if failed and not self._asked:
            raise Refused("A process could not start: see what it said above.")

    def _ask(self) -> None:
        self._asked += 1

    @contextmanager
    def _alarm(self) -> Iterator[int]:
        """A descriptor that becomes readable at every signal: the loop below sleeps on it and never misses one."""
        reader, writer = os.pipe()
        for descriptor in (reader, writer):
            os.set_blocking(descriptor, False)
        before = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            yield reader
        finally:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, before)
            for descriptor in (reader, writer):
                os.close(descriptor)

    def _wait(self, alarm: int) -> None:
        moments = [*self._due.values(), *([] if self._deadline is None else [self._deadline])]
        timeout = max(min(moments) - time.monotonic(), 0.01) if moments else None
        select.select([alarm, self._news], [], [], timeout)
        with contextlib.suppress(BlockingIOError):
            os.read(alarm, 4096)

    def _fork(self, number: int) -> None:
        # A signal that comes between the fork and the process's own handlers would be taken for the supervisor's.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            process = os.fork()
            if process == 0:
                self._become(number)
            self._numbers[process] = number
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    def _become(self, number: int) -> None:
        """The life of a process, to its end: what the supervisor would clean up is not ours."""
        status = 1
        try:
            ending = Ending()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # A terminal's Ctrl-C reaches every process; the supervisor alone decides what it means.
            for each in ENDING:
                signal.signal(each, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, ending)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
            os.close(self._hand)
            for other, listener in enumerate(self._listeners):
                if other != number:
                    listener.close()
            self._work(
                Post(
                    number,
                    self._listeners[number],
                    self._lifeline,
                    ending,
                    lambda: _write(self._tell, bytes([number])),
                )
            )
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:  # noqa: BLE001 - nothing of ours may run on in a forked process
            _log.exception("process %s failed", number)
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _hear(self, ready: Callable[[], None]) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in os.read(self._news, 4096):
                self._ready.add(number)
                self._failures[number] = 0
        if not self._complete and len(self._ready) == len(self._listeners):
            self._complete = True
            ready()

    def _reap(self) -> Iterator[int]:
        """Numbers of the processes that have ended."""
        for process in list(self._numbers):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                number = self._numbers.pop(process)
                if self._deadline is None:
                    code = os.waitstatus_to_exitcode(status)
                    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
                    _log.error("process %s (%s) %s", number, process, how)
                yield number

    def _plan(self, number: int) -> None:
        """At once after a life of some use, else later and later: a service that it needs may be away."""
        pause = 0.0
        if number not in self._ready:
            self._failures[number] += 1
            pause = min(2.0 ** (self._failures[number] - 1), _LONGEST_PAUSE)
        self._ready.discard(number)
        self._due[number] = time.monotonic() + pause

    def _replace(self) -> None:
        for number in [number for number, moment in self._due.items() if moment <= time.monotonic()]:
            del self._due[number]
            self._fork(number)
            _log.info("process %s is started again", number)

    def _stop(self) -> None:
        # In this order: as long as somebody holds a listener, its connections would be taken and never answered.
        for listener in self._listeners:
            listener.close()
        os.close(self._hand)
        self._due.clear()
        self._deadline = time.monotonic() + self._grace + _MARGIN

    def _overdue(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _kill(self) -> None:
        for process, number in self._numbers.items():
            _log.warning("process %s (%s) is killed", number, process)
            os.kill(process, signal.SIGKILL)
        # Nothing survives that: a second look is not needed for long.
        self._deadline = time.monotonic() + _MARGIN
        self._asked = min(self._asked, 1)


def _write(descriptor: int, content: bytes) -> None:
    with contextlib.suppress(OSError):  # a supervisor that is gone need not be told
        os.write(descriptor, content)
