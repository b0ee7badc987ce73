"""How many statements an operation sends."""

from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class StatementCount:
    """Statements that the current operation has sent to PostgreSQL."""

    total: int = 0
    texts: list[str] = field(default_factory=list)
    keep_texts: bool = False


statements: ContextVar[StatementCount | None] = ContextVar("statements", default=None)
