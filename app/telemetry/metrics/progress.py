"""Of viewers' progress: what was reported, what waits, what was written."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class ProgressMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.beats = Counter(
            "lectern_progress_beats_total",
            "Beats of viewers, by what became of them.",
            ("outcome",),
            registry=registry,
        )
        self.progress_buffer_keys = Gauge(
            "lectern_progress_buffer_keys", "Videos of viewers that wait to be written.", registry=registry
        )
        self.progress_buffer_oldest = Gauge(
            "lectern_progress_buffer_oldest_seconds",
            "Seconds that the one which waits longest has waited; those that PostgreSQL refuses wait apart.",
            registry=registry,
        )
        self.progress_buffer_bytes = Gauge(
            "lectern_progress_buffer_bytes", "Bytes of what waits to be written.", registry=registry
        )
        self.progress_flush_seconds = Histogram(
            "lectern_progress_flush_seconds",
            "Seconds of a flush's transaction.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
            registry=registry,
        )
        self.progress_flushed = Counter(
            "lectern_progress_flushed_total",
            "What flushes wrote: videos of viewers, viewings, lessons that became completed.",
            ("kind",),
            registry=registry,
        )
        self.progress_unwritten = Counter(
            "lectern_progress_unwritten_total",
            "Videos of viewers that could not be written, by what became of them.",
            ("outcome",),
            registry=registry,
        )
