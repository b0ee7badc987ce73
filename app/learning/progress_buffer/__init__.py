"""What viewers have reported and PostgreSQL does not know yet, in Redis: the one thing that is there and nowhere else.

Everything in it is a union or the later of two, so that the order of beats, a beat that comes twice and a state that is
written twice change nothing. Nothing is counted.
"""

from app.learning.progress_buffer.buffer import TAKE, Merge, ProgressBuffer, Taken, Waiting
from app.learning.progress_buffer.state import (
    Pair,
    Position,
    ProgressState,
    VideoUpdate,
    Viewing,
    ViewingUpdate,
    length,
    union,
)

__all__ = [
    "TAKE",
    "Merge",
    "Pair",
    "Position",
    "ProgressBuffer",
    "ProgressState",
    "Taken",
    "VideoUpdate",
    "Viewing",
    "ViewingUpdate",
    "Waiting",
    "length",
    "union",
]
