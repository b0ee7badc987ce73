"""What happened to enrolments, written down once and told to whoever wants to know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from prometheus_client import Counter

from app.database import Query, Transaction
from app.jobs import Event
from app.learning.models import EnrollmentEventKind
from app.outbox import Outbox
from app.timed_ids import timed_id

# Who only waits has nothing that others need to hear of.
_ANNOUNCED = {
    EnrollmentEventKind.ENROLLED: Event.ENROLLED,
    EnrollmentEventKind.WITHDRAWN: Event.WITHDRAWN,
    EnrollmentEventKind.COMPLETED: Event.COURSE_COMPLETED,
}
_INSERT = Query(
    "INSERT INTO enrollment_events (id, user_id, course_id, kind, generation, source)"
    " SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::integer[], $6::text[])"
    " ON CONFLICT (id) DO NOTHING RETURNING id",
    ("ids", "user_ids", "course_ids", "kinds", "generations", "sources"),
    {},
)


@dataclass(frozen=True, slots=True)
class Happened:
    """One change of an enrolment's state, `at` the enrolment's own moment of it: created, enrolled, withdrawn, completed."""

    kind: EnrollmentEventKind
    user_id: int
    course_id: int
    generation: int
    at: datetime
    source: str | None = None

    @property
    def id(self) -> UUID:
        """The same for the same change, whoever writes it down again."""
        return timed_id(self.at, f"{self.kind}:{self.user_id}:{self.course_id}:{self.generation}")

    @property
    def key(self) -> str:
        return f"{self.user_id}:{self.course_id}:{self.generation}"


async def record_events(tx: Transaction, outbox: Outbox, events: Sequence[Happened]) -> int:
    """Writes what is not written yet, and announces that. Returns how many were new.

    One statement, and one for each consumer of each kind, however many events. Their months' partitions must exist.
    """
    new = sorted(await write_events(tx, events), key=lambda event: event.kind)
    for kind, group in groupby(new, key=lambda event: event.kind):
        announced = _ANNOUNCED.get(kind)
        if announced is not None:
            await outbox.announce_many(tx, announced, [(event.key, _payload(event)) for event in group])
    return len(new)


async def write_events(tx: Transaction, events: Sequence[Happened]) -> list[Happened]:
    """Writes what is not written yet, and tells nobody: of what was imported. Returns those that were new."""
    by_id = {event.id: event for event in events}
    if not by_id:
        return []
    chosen = list(by_id.values())
    rows = await tx.fetch(
        _INSERT,
        ids=list(by_id),
        user_ids=[event.user_id for event in chosen],
        course_ids=[event.course_id for event in chosen],
        kinds=[event.kind.value for event in chosen],
        generations=[event.generation for event in chosen],
        sources=[event.source for event in chosen],
    )
    return [by_id[row["id"]] for row in rows]


def _payload(event: Happened) -> dict[str, Any]:
    return {
        "event_id": str(event.id),
        "user_id": event.user_id,
        "course_id": event.course_id,
        "at": event.at.isoformat(),
    }


def count_after(tx: Transaction, counter: Counter, number: int = 1) -> None:
    """In a series, once the transaction is durable."""

    async def count() -> None:
        counter.inc(number)

    if number:
        tx.after_commit(count)
