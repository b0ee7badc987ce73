"""Of jobs, runs by the clock, and operations that people watch."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class JobMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.jobs_enqueued = Counter(
            "lectern_jobs_enqueued_total", "Jobs asked for.", ("job",), registry=registry
        )
        self.jobs_told = Counter(
            "lectern_jobs_told_total", "Jobs that workers were told of.", ("outcome",), registry=registry
        )
        self.jobs_repeated = Counter(
            "lectern_jobs_repeated_total", "Jobs that the relay told again.", registry=registry
        )
        self.job_runs = Counter(
            "lectern_job_runs_total", "Attempts at jobs.", ("job", "outcome"), registry=registry
        )
        self.job_seconds = Histogram(
            "lectern_job_seconds",
            "Seconds of an attempt.",
            ("job",),
            buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120, 600),
            registry=registry,
        )
        self.jobs_waiting = Gauge("lectern_jobs_waiting", "Jobs that are due.", ("queue",), registry=registry)
        self.jobs_oldest = Gauge(
            "lectern_jobs_oldest_seconds",
            "Seconds that the oldest due job waits.",
            ("queue",),
            registry=registry,
        )
        self.dead_letters = Gauge("lectern_dead_letters", "Jobs that failed too often.", registry=registry)
        self.operations_ended = Counter(
            "lectern_operations_ended_total",
            "Operations that ended in a worker, by outcome.",
            ("kind", "outcome"),
            registry=registry,
        )
        self.operation_run_seconds = Histogram(
            "lectern_operation_run_seconds",
            "Seconds from an operation's first attempt to its end.",
            ("kind",),
            buckets=(0.1, 1, 5, 30, 120, 600, 1800, 3600, 14400),
            registry=registry,
        )
        self.operations_open = Gauge(
            "lectern_operations_open",
            "Operations that have not ended.",
            ("kind", "state"),
            registry=registry,
        )
        self.operations_oldest = Gauge(
            "lectern_operations_oldest_seconds",
            "Seconds since the oldest of them was asked for.",
            ("kind", "state"),
            registry=registry,
        )
        self.cron_runs = Counter(
            "lectern_cron_runs_total", "Runs by the clock.", ("job", "outcome"), registry=registry
        )
        self.cron_seconds = Histogram(
            "lectern_cron_seconds",
            "Seconds that a run by the clock took.",
            ("job",),
            buckets=(0.01, 0.1, 1, 10, 60, 300),
            registry=registry,
        )
        self.cron_last_success = Gauge(
            "lectern_cron_last_success_timestamp_seconds",
            "When a run by the clock last succeeded in this worker.",
            ("job",),
            registry=registry,
        )
