"""Metrics and logs: the registry's series, the request id, the log format."""

from app.telemetry.logs import configure_logging, request_id
from app.telemetry.metrics import Metrics
from app.telemetry.statements import StatementCount, statements

__all__ = ["Metrics", "StatementCount", "configure_logging", "request_id", "statements"]
