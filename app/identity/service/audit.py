"""The audit log: every attempt at a mutation, who, what, from where, with what outcome. Append-only."""

import logging
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import insert

from app.database import Database, Transaction, compiled
from app.identity.models import AuditEntry
from app.identity.service.sessions import device_of
from app.telemetry import Metrics

_INSERT = compiled(
    insert(AuditEntry).inline(),
    columns=(
        "actor_id",
        "session_id",
        "action",
        "outcome",
        "subject",
        "client_address",
        "device",
        "request_id",
    ),
)
_MAX_ADDRESS_LENGTH = 64

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one mutation tried. Never its input: that may hold passwords."""

    action: str
    outcome: str
    actor_id: int | None = None
    session_id: UUID | None = None
    subject: str | None = None
    client_address: str = ""
    user_agent: str = ""
    request_id: str = ""


async def record(tx: Transaction, attempt: Attempt) -> None:
    """Writes the entry with what the mutation changed: both or neither."""
    await tx.fetch(_INSERT, **_columns(attempt))


async def record_refusal(database: Database, metrics: Metrics, attempt: Attempt) -> None:
    """Writes the entry of an attempt that changed nothing, in a transaction of its own.

    Never raises: the client gets the refusal's own reason, the operator the entry as a log line.
    """
    try:
        await database.fetch(_INSERT, **_columns(attempt))
    except Exception:
        metrics.audit_entries_lost.inc()
        _logger.exception("an audit entry could not be written", extra={"context": _columns(attempt)})


def _columns(attempt: Attempt) -> dict[str, object]:
    return {
        "actor_id": attempt.actor_id,
        "session_id": attempt.session_id,
        "action": attempt.action,
        "outcome": attempt.outcome,
        "subject": attempt.subject,
        "client_address": attempt.client_address[:_MAX_ADDRESS_LENGTH] or None,
        "device": device_of(attempt.user_agent),
        "request_id": attempt.request_id or None,
    }
