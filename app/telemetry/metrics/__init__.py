"""Every series, by what it tells of. Their names stay: dashboards rely on them."""

from prometheus_client import CollectorRegistry

from app.telemetry.metrics.jobs import JobMetrics
from app.telemetry.metrics.learning import LearningMetrics
from app.telemetry.metrics.people import PeopleMetrics
from app.telemetry.metrics.requests import RequestMetrics
from app.telemetry.metrics.services import ServiceMetrics


class Metrics(RequestMetrics, PeopleMetrics, LearningMetrics, JobMetrics, ServiceMetrics):
    """Every series of this process. One instance per process: resources.py makes it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for part in (RequestMetrics, PeopleMetrics, LearningMetrics, JobMetrics, ServiceMetrics):
            part.__init__(self, self.registry)
