"""Where CPU time goes: a sample of the Python stack at every tick of the process's CPU clock.

A signal and nothing else, so that it runs wherever the benchmark runs and costs the server about one per cent. Time in
C shows at the Python line that called it; C that no Python called (event loop, wire formats) shows as the loop itself.
"""

import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import orjson

_TICK = 0.001  # seconds of CPU; the kernel may make it longer


@contextmanager
def sampling(file: Path) -> Iterator[None]:
    """Writes the samples as JSON when the block ends: stacks, leaf first, and how often each was seen."""
    seen: Counter[tuple[str, ...]] = Counter()

    def sample(_signal: int, frame: FrameType | None) -> None:
        stack = []
        while frame is not None:
            code = frame.f_code
            stack.append(f"{code.co_filename}:{code.co_qualname}:{frame.f_lineno}")
            frame = frame.f_back
        seen[tuple(stack)] += 1

    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, _TICK, _TICK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        file.write_bytes(
            orjson.dumps([{"stack": stack, "count": count} for stack, count in seen.most_common()])
        )
        print(f"{sum(seen.values()):,} samples", file=sys.stderr)
