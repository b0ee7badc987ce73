"""When the next beat shall come: rarely, when the buffer, its way to PostgreSQL or Redis is busy."""

from typing import Final

USUAL, RAREST = 30, 120
"""Seconds between beats: normally, and under full load."""
_BUSY: Final = 0.5
"""Share of a limit from which on beats are asked for more rarely."""
LATENCY: Final = 0.25
"""Seconds for merging a call that count as full load: half of what a command may take."""


def next_beat_after(*, filled: float, latency: float) -> int:
    """Seconds. `filled`: the share of its keys that the buffer holds; `latency`: seconds that merging takes.

    30 up to half of either limit, then in proportion, 120 when one is reached.
    """
    load = max(filled, latency / LATENCY)
    busy = min(max((load - _BUSY) / (1 - _BUSY), 0.0), 1.0)
    return round(USUAL + (RAREST - USUAL) * busy)
