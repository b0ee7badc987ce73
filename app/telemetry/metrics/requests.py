"""Of operations and what they read."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class RequestMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        # `operation` is the type and the first root field ("query:courses"): bounded by the schema, whatever
        # names clients give to their operations.
        self.operations = Counter(
            "lectern_graphql_operations_total",
            "GraphQL operations by outcome.",
            ("operation", "outcome"),
            registry=registry,
        )
        self.operation_seconds = Histogram(
            "lectern_graphql_operation_seconds",
            "Seconds from the parsed request to the encoded answer.",
            ("operation",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self.operation_statements = Histogram(
            "lectern_graphql_operation_statements",
            "SQL statements per operation.",
            ("operation",),
            buckets=(0, 1, 2, 3, 5, 8, 13, 21, 50),
            registry=registry,
        )
        self.document_cache = Counter(
            "lectern_graphql_document_cache_total",
            "Look-ups of parsed documents.",
            ("result",),
            registry=registry,
        )
        self.loader_batch = Histogram(
            "lectern_loader_batch_keys",
            "Keys per loader batch.",
            ("loader",),
            buckets=(1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000),
            registry=registry,
        )
        self.mutations = Counter(
            "lectern_mutations_total",
            "Mutations tried, by outcome: SUCCESS or the code of the error.",
            ("mutation", "outcome"),
            registry=registry,
        )
        self.audit_entries_lost = Counter(
            "lectern_audit_entries_lost_total",
            "Audit entries of refusals that could not be written.",
            registry=registry,
        )
