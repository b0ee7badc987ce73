"""How far people are in videos at this moment: PostgreSQL and what the buffer holds, united."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.database import Fetch
from app.errors import Unavailable
from app.identity.actor import Actor
from app.learning import reads
from app.learning.progress_buffer import Pair, Position, ProgressBuffer, ProgressState, length, union

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


async def current_progress(
    connection: Fetch, keys: Sequence[Pair], actor: Actor, buffer: ProgressBuffer
) -> list[dict[str, Any]]:
    """Of pairs of a user and a video, as `reads.video_progress_of`, with `pair`, `watched_ms` and `watched_share` beside.

    The buffer first: what is flushed between the two looks is seen twice, which changes nothing, and never missed. Without
    Redis it is PostgreSQL's state alone, a flush old.
    """
    try:
        waiting = await buffer.peek(keys)
    except Unavailable:
        waiting = {}
    rows = await reads.video_progress_of(connection, keys, actor)
    found = (_united(row, waiting.get((row["user_id"], row["video_id"]))) for row in rows)
    return [progress for progress in found if progress is not None]


async def progress_of_viewer(
    connection: Fetch, keys: Sequence[int], actor: Actor, buffer: ProgressBuffer
) -> list[dict[str, Any]]:
    """The same of the actor's own, by video; nothing of nobody."""
    if actor.user_id is None:
        return []
    return await current_progress(connection, [(actor.user_id, video) for video in keys], actor, buffer)


def _united(row: Mapping[str, Any], waiting: ProgressState | None) -> dict[str, Any] | None:
    watched: list[int] = []
    position: Position | None = None
    if row["position_ms"] is not None:
        watched = [edge for each in row["watched"] for edge in (each.lower, each.upper)]
        at = (row["position_at"] - _EPOCH) // _MILLISECOND
        position = Position(at, row["position_sequence"], row["position_ms"])
    if waiting is not None:
        watched = union([watched, waiting.watched])
        position = waiting.position if position is None else max(position, waiting.position)
    if position is None:
        return None
    seen = length(watched)
    return {
        **row,
        "pair": (row["user_id"], row["video_id"]),
        "position_ms": position.position,
        "position_at": moment(position.at),
        "position_sequence": position.sequence,
        "watched": watched,
        "watched_ms": seen,
        # A video may have been replaced by a shorter one.
        "watched_share": min(seen / row["duration_ms"], 1.0),
    }


def moment(milliseconds: int) -> datetime:
    """To the millisecond, where a float would round."""
    return _EPOCH + milliseconds * _MILLISECOND
