"""Series per operation. Looking a series up by its labels costs more than counting in it: each is looked up once."""

from collections.abc import Callable
from typing import Final

from app.telemetry import Metrics

# Requests that never named an operation we know share one label, whatever they contain.
NO_OPERATION: Final = "none"

Observe = Callable[[float], None]


class OperationMetrics:
    """Labels come from the schema and from our own outcomes, so the number of series is bounded."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._counts: dict[tuple[str, str], Callable[[], None]] = {}
        self._observers: dict[str, tuple[Observe, Observe]] = {}

    def count(self, operation: str, outcome: str) -> None:
        key = (operation, outcome)
        increment = self._counts.get(key)
        if increment is None:
            increment = self._counts[key] = self._metrics.operations.labels(operation, outcome).inc
        increment()

    def executed(self, operation: str, outcome: str, *, seconds: float, statements: int) -> None:
        """An operation that ran, whatever came of it."""
        self.count(operation, outcome)
        observers = self._observers.get(operation)
        if observers is None:
            observers = self._observers[operation] = (
                self._metrics.operation_seconds.labels(operation).observe,
                self._metrics.operation_statements.labels(operation).observe,
            )
        observers[0](seconds)
        observers[1](statements)
