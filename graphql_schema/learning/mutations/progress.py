"""Reporting what one watches. POST /progress takes the same, for pages that are being closed."""

from datetime import datetime
from typing import Final

import strawberry

from app.errors import DomainError
from app.learning.beats import MAX_BEATS, MESSAGES, Beat, BeatEvent, BeatRejection
from graphql_schema.context import Context
from graphql_schema.enums import described
from graphql_schema.fields import field
from graphql_schema.mutation import UserError, buffered_mutation, user_errors
from graphql_schema.node import number_of
from graphql_schema.permissions import PUBLIC, SIGNED_IN, policy

described(
    BeatEvent,
    "What made a player report.",
    {
        BeatEvent.PLAY: "It began: a new viewing.",
        BeatEvent.HEARTBEAT: "Time has passed.",
        BeatEvent.PAUSE: "It stopped, or the page was hidden.",
        BeatEvent.SEEK: "Somebody jumped; the position is where to.",
        BeatEvent.END: "The end was reached.",
    },
)
described(
    BeatRejection,
    "Why a beat was not taken. Only RETRY_LATER may be taken when it is sent again.",
    {code: MESSAGES[code].replace("`", "") for code in BeatRejection},
)


@strawberry.input(description="What a player reports.")
class ProgressBeat:
    video_id: strawberry.ID = strawberry.field(description="Of a course in which the viewer is enrolled.")
    viewing_key: str = strawberry.field(
        description="Made by the client, one for each stretch from play to pause: 1 to 36 letters, digits or any of . _ ~ -"
    )
    event: BeatEvent = strawberry.field(description="Why now.")
    position_seconds: float = strawberry.field(description="Where the player is.")
    watched_from: float = strawberry.field(
        description="Seconds of the video: where watching began since the beat before."
    )
    watched_to: float = strawberry.field(
        description="Where it ended. The same as `watchedFrom`: nothing was watched."
    )
    client_sequence: int = strawberry.field(
        description="0, 1, 2, ... within a viewing. A beat that is sent again keeps its number."
    )
    client_time: datetime = strawberry.field(
        description="When it happened, by the client's clock: up to 7 days ago, at most 5 minutes ahead."
    )


@strawberry.input(description="What was watched.")
class RecordProgressInput:
    beats: list[ProgressBeat] = strawberry.field(description="1 to 100, in any order, of any videos.")


@strawberry.type(description="A beat that was not taken.")
@policy(PUBLIC)
class RejectedBeat:
    index: int = field(description="Its place among the beats, from 0.")
    code: BeatRejection = field(description="For programs.")
    message: str = field(description="For people.")


@strawberry.type(description="What was taken. It is shown at once, and kept within seconds.")
@policy(PUBLIC)
class RecordProgressPayload:
    accepted: int | None = field(
        description="How many beats, those included that were known before; null when there are errors.",
        default=None,
    )
    rejected: list[RejectedBeat] = field(
        description="The others, in their order: they spoil nothing.", default_factory=list
    )
    next_beat_after_seconds: int | None = field(
        description="When to report again while playing on: 30, up to 120 when there is much to do.",
        default=None,
    )
    ticket: str | None = field(
        description="For 15 minutes it may stand in the body of POST /progress instead of an access token.",
        default=None,
    )
    user_errors: list[UserError] = user_errors()


class _Numbers(dict[str, int | None]):
    """Videos' numbers by their ids, each read once."""

    def __missing__(self, identifier: str) -> int | None:
        number = self[identifier] = number_of("Video", identifier)
        return number


_MILLISECONDS: Final = 1000


async def record_progress(context: Context, input: RecordProgressInput) -> RecordProgressPayload:
    if not 1 <= len(input.beats) <= MAX_BEATS:
        raise DomainError(f"1 to {MAX_BEATS} beats at a time.", path=("input", "beats"))
    numbers = _Numbers()
    beats = [
        Beat(
            numbers[beat.video_id],
            beat.viewing_key,
            beat.event,
            beat.position_seconds,
            beat.watched_from,
            beat.watched_to,
            beat.client_sequence,
            int(beat.client_time.timestamp() * _MILLISECONDS),
        )
        for beat in input.beats
    ]
    resources, actor = context.resources, context.actor
    assert actor.user_id is not None
    report = await resources.progress_recorder.record(actor.user_id, beats, user_agent=context.user_agent)
    return RecordProgressPayload(
        accepted=report.accepted,
        rejected=[
            RejectedBeat(index=index, code=code, message=MESSAGES[code]) for index, code in report.rejected
        ],
        next_beat_after_seconds=report.next_beat_after,
        ticket=resources.progress_tickets.make(actor),
    )


@strawberry.type
class ProgressMutations:
    record_progress: RecordProgressPayload | None = buffered_mutation(
        record_progress,
        policy=SIGNED_IN,
        description="Reports what the viewer watches. A beat that comes twice, late or in another order changes nothing.",
    )
