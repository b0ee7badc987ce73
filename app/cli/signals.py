"""What the signals that end a program do, from its first moment to its last."""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1


class Stopped(KeyboardInterrupt):
    """Somebody ended the program while it was starting. A KeyboardInterrupt, because event loops let that pass."""


class Ending:
    """Where the program stands decides what a signal does.

    starting: raises Stopped, so that whatever has been started is stopped on the way out
    serving:  calls the function given to `serving`, each time
    stopping: nothing, the program is already on its way
    """

    def __init__(self) -> None:
        self._serving: Callable[[], None] | None = None
        self._stopping = False
        self.requested = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if self._serving:
            self._serving()
        elif not self._stopping:
            self._stopping = True
            raise Stopped

    def give_up(self) -> None:
        """Ends the serving as a signal does, though nobody has asked for it."""
        if self._serving:
            self._serving()

    def stopping(self) -> None:
        """From here on a signal does nothing."""
        self._stopping = True

    @contextmanager
    def serving(self, stop: Callable[[], None]) -> Iterator[None]:
        self._serving = stop
        try:
            yield
        finally:
            self._stopping = True
            self._serving = None


@contextmanager
def graceful_ending() -> Iterator[Ending]:
    """Ctrl-C, SIGTERM and a closed terminal end the block, however often they come; Stopped ends here."""
    ending = Ending()
    before = {number: signal.signal(number, ending) for number in ENDING}
    try:
        with contextlib.suppress(Stopped):
            yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent() -> None:
    """Ends this program when its parent is killed (Linux): `make` cannot pass on a kill -9."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if parent != os.getppid():
            os.kill(os.getpid(), signal.SIGTERM)
