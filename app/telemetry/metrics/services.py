"""Of what we stand on: PostgreSQL, Redis, files."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class ServiceMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.pool_in_use = Gauge("lectern_database_pool_in_use", "Connections in use.", registry=registry)
        self.pool_waiting = Gauge(
            "lectern_database_pool_waiting", "Requests waiting for a connection.", registry=registry
        )
        self.pool_wait_seconds = Histogram(
            "lectern_database_pool_wait_seconds",
            "Seconds waited for a connection.",
            buckets=(0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2),
            registry=registry,
        )
        self.storage_calls = Counter(
            "lectern_storage_calls_total",
            "Calls for stored files, by kind and outcome.",
            ("kind", "outcome"),
            registry=registry,
        )
        self.storage_seconds = Histogram(
            "lectern_storage_call_seconds",
            "Seconds of a call; reading counts until the file is open.",
            ("kind",),
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 30, 300),
            registry=registry,
        )
        self.storage_bytes = Counter(
            "lectern_storage_bytes_total",
            "Bytes of stored files that passed through us.",
            ("direction",),
            registry=registry,
        )
        self.uploads_swept = Counter(
            "lectern_uploads_swept_total",
            "What was removed of uploads that no lesson names.",
            ("kind",),
            registry=registry,
        )
        self.uploads_unnamed = Gauge(
            "lectern_uploads_unnamed", "Uploads that no lesson names, up to 10,000.", registry=registry
        )
        self.uploads_unnamed_oldest = Gauge(
            "lectern_uploads_unnamed_oldest_seconds",
            "How long ago the first of them was noticed.",
            registry=registry,
        )
        self.pubsub_connected = Gauge(
            "lectern_pubsub_connected", "Whether this process hears Redis.", registry=registry
        )
        self.pubsub_subscribers = Gauge(
            "lectern_pubsub_subscribers", "Subscribers in this process.", registry=registry
        )
        self.pubsub_channels = Gauge(
            "lectern_pubsub_channels", "Channels with a subscriber.", registry=registry
        )
        self.pubsub_received = Counter(
            "lectern_pubsub_received_total", "Messages from Redis.", ("outcome",), registry=registry
        )
        self.pubsub_published = Counter(
            "lectern_pubsub_published_total", "Messages for Redis.", ("outcome",), registry=registry
        )
        self.pubsub_gaps = Counter(
            "lectern_pubsub_gaps_total",
            "Times a subscriber was told that messages may be missing.",
            registry=registry,
        )
        self.pubsub_slow_subscribers = Counter(
            "lectern_pubsub_slow_subscribers_total",
            "Subscribers ended because they did not keep up.",
            registry=registry,
        )
        self.pubsub_reconnects = Counter(
            "lectern_pubsub_reconnects_total", "Times Redis was found again.", registry=registry
        )
        self.cache_requests = Counter(
            "lectern_cache_requests_total",
            "Entries asked for, by what became of it.",
            ("cache", "outcome"),
            registry=registry,
        )
        self.cache_writes = Counter(
            "lectern_cache_writes_total",
            "Entries computed for keeping.",
            ("cache", "outcome"),
            registry=registry,
        )
        self.cache_unreadable = Counter(
            "lectern_cache_unreadable_total",
            "Bytes in Redis that are no value of the cache.",
            ("cache",),
            registry=registry,
        )
        self.cache_value_bytes = Histogram(
            "lectern_cache_value_bytes",
            "Bytes of a kept value.",
            ("cache",),
            buckets=(64, 256, 1024, 4096, 16_384, 65_536),
            registry=registry,
        )
        self.cache_compute_seconds = Histogram(
            "lectern_cache_compute_seconds",
            "Seconds that computing what was missing took.",
            ("cache",),
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 2),
            registry=registry,
        )
        self.circuit_open = Gauge(
            "lectern_circuit_open",
            "Whether a service is left alone because it does not answer.",
            ("port",),
            registry=registry,
        )
        self.circuit_refusals = Counter(
            "lectern_circuit_refusals_total",
            "Calls that an open circuit turned away.",
            ("port",),
            registry=registry,
        )
