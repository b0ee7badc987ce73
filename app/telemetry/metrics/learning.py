"""Of learning."""

from prometheus_client import CollectorRegistry, Counter


class LearningMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.enrollments = Counter(
            "lectern_enrollments_total", "Changes of enrolments, by outcome.", ("outcome",), registry=registry
        )
        self.waitlist_promotions = Counter(
            "lectern_waitlist_promotions_total", "Seats that went to somebody who waited.", registry=registry
        )
