"""Metrics and logs: the registry's series, the request id, the log format. Series names stay; dashboards rely on them."""

import logging
import sys
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

request_id: ContextVar[str] = ContextVar("request_id", default="")


@dataclass(slots=True)
class StatementCount:
    """Statements that the current operation has sent to PostgreSQL."""

    total: int = 0
    texts: list[str] = field(default_factory=list)
    keep_texts: bool = False


statements: ContextVar[StatementCount | None] = ContextVar("statements", default=None)


class Metrics:
    """Every series of this process. One instance per process: resources.py makes it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # `operation` is the type and the first root field ("query:courses"): bounded by the schema, whatever
        # names clients give to their operations.
        self.operations = Counter(
            "lectern_graphql_operations_total",
            "GraphQL operations by outcome.",
            ("operation", "outcome"),
            registry=self.registry,
        )
        self.operation_seconds = Histogram(
            "lectern_graphql_operation_seconds",
            "Seconds from the parsed request to the encoded answer.",
            ("operation",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.operation_statements = Histogram(
            "lectern_graphql_operation_statements",
            "SQL statements per operation.",
            ("operation",),
            buckets=(0, 1, 2, 3, 5, 8, 13, 21, 50),
            registry=self.registry,
        )
        self.document_cache = Counter(
            "lectern_graphql_document_cache_total",
            "Look-ups of parsed documents.",
            ("result",),
            registry=self.registry,
        )
        self.loader_batch = Histogram(
            "lectern_loader_batch_keys",
            "Keys per loader batch.",
            ("loader",),
            buckets=(1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000),
            registry=self.registry,
        )
        self.pool_in_use = Gauge(
            "lectern_database_pool_in_use", "Connections in use.", registry=self.registry
        )
        self.pool_waiting = Gauge(
            "lectern_database_pool_waiting", "Requests waiting for a connection.", registry=self.registry
        )
        self.pool_wait_seconds = Histogram(
            "lectern_database_pool_wait_seconds",
            "Seconds waited for a connection.",
            buckets=(0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2),
            registry=self.registry,
        )
        self.logins = Counter(
            "lectern_logins_total", "Login attempts by outcome.", ("outcome",), registry=self.registry
        )
        self.mutations = Counter(
            "lectern_mutations_total",
            "Mutations tried, by outcome: SUCCESS or the code of the error.",
            ("mutation", "outcome"),
            registry=self.registry,
        )
        self.audit_entries_lost = Counter(
            "lectern_audit_entries_lost_total",
            "Audit entries of refusals that could not be written.",
            registry=self.registry,
        )
        self.jobs_enqueued = Counter(
            "lectern_jobs_enqueued_total", "Jobs asked for.", ("job",), registry=self.registry
        )
        self.jobs_told = Counter(
            "lectern_jobs_told_total", "Jobs that workers were told of.", ("outcome",), registry=self.registry
        )
        self.jobs_repeated = Counter(
            "lectern_jobs_repeated_total", "Jobs that the relay told again.", registry=self.registry
        )
        self.job_runs = Counter(
            "lectern_job_runs_total", "Attempts at jobs.", ("job", "outcome"), registry=self.registry
        )
        self.job_seconds = Histogram(
            "lectern_job_seconds",
            "Seconds of an attempt.",
            ("job",),
            buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120, 600),
            registry=self.registry,
        )
        self.jobs_waiting = Gauge(
            "lectern_jobs_waiting", "Jobs that are due.", ("queue",), registry=self.registry
        )
        self.jobs_oldest = Gauge(
            "lectern_jobs_oldest_seconds",
            "Seconds that the oldest due job waits.",
            ("queue",),
            registry=self.registry,
        )
        self.dead_letters = Gauge(
            "lectern_dead_letters", "Jobs that failed too often.", registry=self.registry
        )
        self.operations_ended = Counter(
            "lectern_operations_ended_total",
            "Operations that ended in a worker, by outcome.",
            ("kind", "outcome"),
            registry=self.registry,
        )
        self.operation_run_seconds = Histogram(
            "lectern_operation_run_seconds",
            "Seconds from an operation's first attempt to its end.",
            ("kind",),
            buckets=(0.1, 1, 5, 30, 120, 600, 1800, 3600, 14400),
            registry=self.registry,
        )
        self.operations_open = Gauge(
            "lectern_operations_open",
            "Operations that have not ended.",
            ("kind", "state"),
            registry=self.registry,
        )
        self.operations_oldest = Gauge(
            "lectern_operations_oldest_seconds",
            "Seconds since the oldest of them was asked for.",
            ("kind", "state"),
            registry=self.registry,
        )
        self.throttled = Counter(
            "lectern_attempts_throttled_total",
            "Attempts refused because there had been too many.",
            ("kind",),
            registry=self.registry,
        )
        self.mails = Counter("lectern_mails_total", "Mails by outcome.", ("outcome",), registry=self.registry)
        self.mail_seconds = Histogram(
            "lectern_mail_seconds", "Seconds until a mail server has taken a mail.", registry=self.registry
        )
        self.storage_calls = Counter(
            "lectern_storage_calls_total",
            "Calls for stored files, by kind and outcome.",
            ("kind", "outcome"),
            registry=self.registry,
        )
        self.storage_seconds = Histogram(
            "lectern_storage_call_seconds",
            "Seconds of a call; reading counts until the file is open.",
            ("kind",),
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 30, 300),
            registry=self.registry,
        )
        self.storage_bytes = Counter(
            "lectern_storage_bytes_total",
            "Bytes of stored files that passed through us.",
            ("direction",),
            registry=self.registry,
        )
        self.notifications = Counter(
            "lectern_notifications_total", "People told of something.", ("kind",), registry=self.registry
        )
        self.notification_mails = Counter(
            "lectern_notification_mails_total",
            "What became of mails about notifications.",
            ("outcome",),
            registry=self.registry,
        )
        self.notification_mails_due = Gauge(
            "lectern_notification_mails_due",
            "Mails about notifications that are due.",
            registry=self.registry,
        )
        self.notification_mails_oldest = Gauge(
            "lectern_notification_mails_oldest_seconds",
            "Seconds that the oldest due mail about notifications waits.",
            registry=self.registry,
        )
        self.pubsub_connected = Gauge(
            "lectern_pubsub_connected", "Whether this process hears Redis.", registry=self.registry
        )
        self.pubsub_subscribers = Gauge(
            "lectern_pubsub_subscribers", "Subscribers in this process.", registry=self.registry
        )
        self.pubsub_channels = Gauge(
            "lectern_pubsub_channels", "Channels with a subscriber.", registry=self.registry
        )
        self.pubsub_received = Counter(
            "lectern_pubsub_received_total", "Messages from Redis.", ("outcome",), registry=self.registry
        )
        self.pubsub_published = Counter(
            "lectern_pubsub_published_total", "Messages for Redis.", ("outcome",), registry=self.registry
        )
        self.pubsub_gaps = Counter(
            "lectern_pubsub_gaps_total",
            "Times a subscriber was told that messages may be missing.",
            registry=self.registry,
        )
        self.pubsub_slow_subscribers = Counter(
            "lectern_pubsub_slow_subscribers_total",
            "Subscribers ended because they did not keep up.",
            registry=self.registry,
        )
        self.pubsub_reconnects = Counter(
            "lectern_pubsub_reconnects_total", "Times Redis was found again.", registry=self.registry
        )
        self.cache_requests = Counter(
            "lectern_cache_requests_total",
            "Entries asked for, by what became of it.",
            ("cache", "outcome"),
            registry=self.registry,
        )
        self.cache_writes = Counter(
            "lectern_cache_writes_total",
            "Entries computed for keeping.",
            ("cache", "outcome"),
            registry=self.registry,
        )
        self.cache_unreadable = Counter(
            "lectern_cache_unreadable_total",
            "Bytes in Redis that are no value of the cache.",
            ("cache",),
            registry=self.registry,
        )
        self.cache_value_bytes = Histogram(
            "lectern_cache_value_bytes",
            "Bytes of a kept value.",
            ("cache",),
            buckets=(64, 256, 1024, 4096, 16_384, 65_536),
            registry=self.registry,
        )
        self.cache_compute_seconds = Histogram(
            "lectern_cache_compute_seconds",
            "Seconds that computing what was missing took.",
            ("cache",),
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 2),
            registry=self.registry,
        )
        self.circuit_open = Gauge(
            "lectern_circuit_open",
            "Whether a service is left alone because it does not answer.",
            ("port",),
            registry=self.registry,
        )
        self.circuit_refusals = Counter(
            "lectern_circuit_refusals_total",
            "Calls that an open circuit turned away.",
            ("port",),
            registry=self.registry,
        )
        self.token_refreshes = Counter(
            "lectern_token_refreshes_total",
            "Refresh tokens presented, by outcome.",
            ("outcome",),
            registry=self.registry,
        )
        self.cron_runs = Counter(
            "lectern_cron_runs_total", "Runs by the clock.", ("job", "outcome"), registry=self.registry
        )
        self.cron_seconds = Histogram(
            "lectern_cron_seconds",
            "Seconds that a run by the clock took.",
            ("job",),
            buckets=(0.01, 0.1, 1, 10, 60, 300),
            registry=self.registry,
        )
        self.cron_last_success = Gauge(
            "lectern_cron_last_success_timestamp_seconds",
            "When a run by the clock last succeeded in this worker.",
            ("job",),
            registry=self.registry,
        )


class JsonFormatter(logging.Formatter):
    """One JSON object a line; `extra={"context": {...}}` is merged in."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if identifier := request_id.get():
            entry["requestId"] = identifier
        context = getattr(record, "context", None)
        if isinstance(context, dict):
            entry.update(context)
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode()


class PlainFormatter(logging.Formatter):
    """For a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        identifier = request_id.get()
        suffix = f"  [request {identifier}]" if identifier else ""
        text = f"{record.levelname.lower():8}{record.getMessage()}{suffix}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def configure_logging(*, json: bool, level: str) -> None:
    """Sends every log line to standard error, as JSON in production, as text in development."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if json else PlainFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("uvicorn.access").disabled = True
