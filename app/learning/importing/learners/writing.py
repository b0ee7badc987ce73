"""What is stored: a presentation's course in one transaction, each chunk of its learners in one of seven statements."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from asyncpg import Record

from app.catalog.cards import courses_changed
from app.catalog.importing.curriculum.writing import TreeTally, TreeWriter
from app.catalog.importing.writing import IMPORT_LOCK
from app.database import Transaction
from app.identity.service.pseudonyms import ensure_pseudonyms
from app.learning.importing.learners.outlines import description, tree
from app.learning.importing.learners.presentations import Presentation
from app.learning.importing.learners.rows import Activity, Learner
from app.learning.models import EnrollmentEventKind, EnrollmentState
from app.learning.service.events import Happened, write_events
from app.learning.service.seats import lock_seats

SOURCE = "oulad"
"""Of the courses; with a presentation's code their identity across runs."""
DOMAIN = "oulad.invalid"
"""No mail server has it, and nobody can: the name is reserved for that."""
IMPORTED = "import"
DIFFERS = "The enrolment is here and is not as the file says; it stays as it is."
TAKEN = "The address of this learner's account belongs to somebody."

_DESCRIBE = """
UPDATE courses SET attributes = $3::jsonb, description = $4 WHERE source = $1 AND source_key = $2
    AND attributes IS DISTINCT FROM $3::jsonb RETURNING id"""
_COURSE = "SELECT id FROM courses WHERE source = $1 AND source_key = $2"
_EXISTING = """
SELECT user_id, generation, created_at, attributes FROM enrollments
WHERE course_id = $1 AND user_id = ANY($2::bigint[])"""
_INSERT = """
INSERT INTO enrollments (course_id, source, user_id, state, created_at, enrolled_at, completed_at, withdrawn_at, attributes)
SELECT $1, $2, user_id, state, enrolled_at, enrolled_at, completed_at, withdrawn_at, attributes::jsonb
FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::text[])
    AS rows (user_id, state, enrolled_at, completed_at, withdrawn_at, attributes)
ORDER BY user_id ON CONFLICT (user_id, course_id) DO NOTHING RETURNING user_id, state"""
_COUNT = "UPDATE course_stats SET enrollment_count = enrollment_count + $2 WHERE course_id = $1"
_SEATED = {EnrollmentState.ACTIVE, EnrollmentState.COMPLETED}


@dataclass(slots=True)
class ChunkDone:
    """What became of a chunk's learners; also the sums of all."""

    accounts: int = 0
    """Made."""
    enrolled: int = 0
    unchanged: int = 0
    events: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


async def write_course(
    tx: Transaction, writer: TreeWriter, presentation: Presentation, activities: list[Activity]
) -> tuple[int, TreeTally]:
    """The course's id, and what became of it. Raises RowRefused: the transaction must be rolled back then."""
    tally = await writer.write(tx, tree(presentation, activities))
    described = await tx.fetch_text(
        _DESCRIBE, SOURCE, presentation.code, presentation.attributes, description(presentation)
    )
    if described and not tally.courses.created:
        await courses_changed(tx, described[0]["id"])
    rows = described or await tx.fetch_text(_COURSE, SOURCE, presentation.code)
    return int(rows[0]["id"]), tally


async def write_learners(
    tx: Transaction, course_id: int, presentation: Presentation, learners: Sequence[Learner]
) -> ChunkDone:
    """Enrols whoever is not. An enrolment that is here is history, and stays as it is whatever the file says now.

    Nobody is told of what happened years ago: the events are written and not announced. Their months must be there.
    """
    await tx.fetch_text(IMPORT_LOCK)
    by_address = {f"learner-{learner.student}@{DOMAIN}": learner for learner in learners}
    names = [f"Learner {learner.student}" for learner in learners]
    ids, made = await ensure_pseudonyms(tx, list(by_address), names)
    done = ChunkDone(accounts=made)
    found = {row["user_id"]: row for row in await tx.fetch_text(_EXISTING, course_id, list(ids.values()))}
    new: dict[int, Learner] = {}
    for address, learner in by_address.items():
        user_id = ids.get(address)
        if user_id is None:
            done.refused.append((learner.place, TAKEN))
        elif user_id not in found:
            new[user_id] = learner
        elif _as_known(found[user_id], learner, presentation):
            done.unchanged += 1
        else:
            done.refused.append((learner.place, DIFFERS))
    if new:
        # Before the enrolments, as whoever enrols does.
        await lock_seats(tx, course_id)
        rows = await tx.fetch_text(_INSERT, course_id, IMPORTED, *_arrays(new, presentation))
        # Who was enrolled here by other means, a moment ago, is met again in the next run.
        entered = [row["user_id"] for row in rows]
        done.enrolled, done.unchanged = len(rows), done.unchanged + len(new) - len(rows)
        happened = _happened(((user, new[user]) for user in entered), course_id, presentation)
        done.events = len(await write_events(tx, list(happened)))
        await tx.fetch_text(_COUNT, course_id, sum(row["state"] in _SEATED for row in rows))
    return done


def _moments(learner: Learner, presentation: Presentation) -> list[tuple[EnrollmentEventKind, datetime]]:
    """What happened to them, and when. Who left on a day that nobody noted had done so by the end."""
    happened = [(EnrollmentEventKind.ENROLLED, learner.enrolled_at(presentation))]
    if learner.state is EnrollmentState.WITHDRAWN:
        left = learner.withdrawn_at(presentation) or presentation.ends_at
        happened.append((EnrollmentEventKind.WITHDRAWN, left))
    elif learner.state is EnrollmentState.COMPLETED:
        happened.append((EnrollmentEventKind.COMPLETED, presentation.ends_at))
    return happened


def _as_known(row: Record, learner: Learner, presentation: Presentation) -> bool:
    # Who enrolled again since did so here, at another time.
    as_then = row["generation"] > 1 or row["created_at"] == learner.enrolled_at(presentation)
    return bool(row["attributes"] == learner.attributes and as_then)


def _arrays(new: dict[int, Learner], presentation: Presentation) -> list[list[object]]:
    """One list per column of `rows` in `_INSERT`."""
    learners = new.values()
    return [
        list(new),
        [learner.state.value for learner in learners],
        [learner.enrolled_at(presentation) for learner in learners],
        [learner.completed_at(presentation) for learner in learners],
        [learner.withdrawn_at(presentation) for learner in learners],
        [orjson.dumps(learner.attributes).decode() for learner in learners],
    ]


def _happened(
    entered: Iterable[tuple[int, Learner]], course_id: int, presentation: Presentation
) -> Iterable[Happened]:
    for user_id, learner in entered:
        for kind, at in _moments(learner, presentation):
            yield Happened(kind, user_id, course_id, 1, at, IMPORTED)
